"""What clients get after an update, by real sockets: the API's routes alone cannot tell, a deployment is served."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from websockets.exceptions import InvalidStatus

from django_aws_api_gateway_websockets.provisioning import plan_gateway, update_gateway
from tests.sockets import connect

from ..local.conftest import backend, eventually  # noqa: F401  a fixture
from .test_lifecycle import CERTIFICATE


def update(row):
    call_command("updateApiGateway", pk=[row.pk], stdout=io.StringIO())
    row.refresh_from_db()
    assert plan_gateway(row).steps == ()


@pytest.fixture
def created(local_aws, backend, row, settings):  # noqa: F811
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, "ALLOWED_TARGET_HOSTS": ["127.0.0.1"]}
    row.target_base_endpoint = backend.url
    row.save()
    row.additional_routes.create(name="orders", route_key="orders", integration_url=f"{backend.url}/orders")
    row.create_gateway()
    return row


def receiver(backend, row, action):  # noqa: F811
    """The path of the backend that a message for ``action`` reaches."""
    text = json.dumps({"action": action, "nonce": len(backend.received)})
    with connect(row.websocket_url) as client:
        client.send(text)
        return eventually(lambda: next((one.path for one in backend.received if one.body == text.encode()), None))


def test_a_route_that_was_deleted_is_no_longer_served(created, backend):  # noqa: F811
    assert receiver(backend, created, "orders") == "/orders"
    created.additional_routes.all()._raw_delete("default")
    update(created)
    assert receiver(backend, created, "orders") == "/default"


def test_a_route_made_by_hand_is_not_deployed(local_aws, created, backend):  # noqa: F811
    made = local_aws.by_hand.create_integration(
        ApiId=created.api_id,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="POST",
        IntegrationUri=f"{backend.url}/backdoor",
    )
    target = f"integrations/{made['IntegrationId']}"
    local_aws.by_hand.create_route(ApiId=created.api_id, RouteKey="backdoor", Target=target)
    created.integration_timeout = 5000
    created.save()
    update(created)
    assert receiver(backend, created, "backdoor") == "/default"


def test_without_two_way_replies_nothing_is_sent_back_any_more(created, backend):  # noqa: F811
    backend.answers["/default"] = (200, {}, b"reply")
    created.two_way_replies = True
    created.save()
    update(created)
    with connect(created.websocket_url) as client:
        client.send("{}")
        assert client.recv(timeout=5) == "reply"
    created.two_way_replies = False
    created.save()
    update(created)
    with connect(created.websocket_url) as client:
        client.send("{}")
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.3)


def test_clients_cannot_use_a_disabled_execute_api_endpoint(created):
    created.domain_name, created.certificate_arn = "ws.example.com", CERTIFICATE
    created.disable_execute_api_endpoint = True
    created.save()
    endpoint = created.websocket_url
    update(created)
    with pytest.raises(InvalidStatus) as refused, connect(endpoint):
        pass
    assert refused.value.response.status_code == 403
    created.disable_execute_api_endpoint = False
    created.save()
    update(created)
    with connect(endpoint):
        pass


class Died(BaseException):
    """The process was killed."""


def _die_before_the_deployment(step):
    if step.resource.kind == "deployment":
        raise Died


def test_the_next_run_repairs_one_that_died_before_deploying(created, backend):  # noqa: F811
    created.additional_routes.all()._raw_delete("default")
    with pytest.raises(Died):
        update_gateway(created, progress=_die_before_the_deployment)
    assert receiver(backend, created, "orders") == "/orders"
    update(created)
    assert receiver(backend, created, "orders") == "/default"
