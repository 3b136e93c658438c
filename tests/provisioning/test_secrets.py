"""No traceback of provisioning shows the gateway's secret, not even with the local variables of every frame."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_aws_api_gateway_websockets.aws import control_client
from django_aws_api_gateway_websockets.conf import conf
from django_aws_api_gateway_websockets.definition import HiddenStr
from django_aws_api_gateway_websockets.exceptions import CredentialsError
from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.provisioning import plan_gateway, update_gateway
from django_aws_api_gateway_websockets.provisioning.control import ControlPlane
from django_aws_api_gateway_websockets.security.gateway_secret import gateway_secret

from ..leaks import shown
from .faults import Refuse


class Break:
    """Raises ``error`` while botocore sends a call by ``method``."""

    def __init__(self, method, error):
        self.method, self.error = method, error

    def __call__(self, request, **kwargs):
        if request.method == self.method:
            raise self.error


FAULTS = {
    "create integration": ("POST", "/integrations"),
    "create route": ("POST", "/routes"),
    "create deployment": ("POST", "/deployments"),
    "create stage": ("POST", "/stages"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_refused_creation_tells_no_secret(local_aws, row, watch, fault, status):
    method, path = FAULTS[fault]
    watch(Refuse(-1, status, "BadRequestException", "Invalid request", methods=(method,), path=path))
    with pytest.raises(Exception, match="Invalid request") as raised:
        row.create_gateway()
    secret = gateway_secret(ApiGateway.objects.get().api_id)
    assert secret not in shown(raised.value)


QUOTES = [
    "Invalid mapping expression specified: '{}'",
    "Validation Result: warnings : [], errors : [Invalid mapping expression specified: {}]",
    '{{"RequestParameters": {{"integration.request.header.X": "\'{}\'"}}}} and again {}',
    "x" * 470 + "'{}'",
]


@pytest.mark.parametrize(("status", "quote"), list(zip((400, 403, 500, 400), QUOTES)), ids=range(4))
def test_secrets_in_aws_error_texts_are_hidden(local_aws, row, watch, admin_client, status, quote):
    row.create_gateway()
    secret = gateway_secret(row.api_id)
    route = row.additional_routes.model(
        api_gateway=row, name="Orders", route_key="orders", integration_url="https://www.example.com/ws/orders"
    )
    row.additional_routes.bulk_create([route])
    text = quote.format(secret, secret)
    watch(Refuse(-1, status, "BadRequestException", text, methods=("POST", "PATCH"), path="/integrations"))
    with pytest.raises(Exception, match="AWS answered") as raised:
        update_gateway(row)
    out = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("updateApiGateway", pk=row.pk, stdout=out, stderr=out)
    url = "/admin/django_aws_api_gateway_websockets/apigateway/"
    action = {"action": "update_api_gateway", "_selected_action": [row.pk], "confirmed": "yes"}
    pages = [admin_client.post(url, action, follow=True), admin_client.get(f"{url}{row.pk}/history/")]
    row.refresh_from_db()
    told = [shown(raised.value), raised.value.said, str(failed.value), out.getvalue(), row.last_error]
    told += [page.content.decode() for page in pages]
    assert not [text for text in told if secret[:8] in text]
    assert "(hidden)" in raised.value.said


@pytest.mark.parametrize("error", [TimeoutError("soft limit"), KeyError("x"), ValueError("broken")])
def test_any_error_while_botocore_sends_tells_no_secret(local_aws, row, watch, error):
    row.create_gateway()
    type(row).objects.update(integration_timeout=1000)
    row.refresh_from_db()
    watch(Break("PATCH", error))
    with pytest.raises(Exception) as raised:
        update_gateway(row)
    assert gateway_secret(row.api_id) not in shown(raised.value)


@pytest.mark.parametrize("path", ["/routes", "/deployments", "/stages"])
def test_an_error_after_reading_integrations_tells_no_secret(local_aws, row, watch, path):
    row.create_gateway()
    watch(Refuse(-1, 400, "BadRequestException", "Invalid request", methods=("GET",), path=path))
    with pytest.raises(Exception, match="Invalid request") as raised:
        plan_gateway(row)
    assert gateway_secret(row.api_id) not in shown(raised.value)


def test_an_error_in_our_own_code_tells_no_secret(local_aws, row):
    row.create_gateway()

    def progress(step):
        raise RuntimeError("in the middle")

    type(row).objects.update(integration_timeout=1000)
    row.refresh_from_db()
    with pytest.raises(RuntimeError) as raised:
        update_gateway(row, progress=progress)
    assert gateway_secret(row.api_id) not in shown(raised.value)


def test_a_hidden_string_is_sent_and_compared_but_not_shown(local_aws, row):
    row.create_gateway()
    value = HiddenStr("'secret'")
    assert value == "'secret'"
    assert "secret" not in repr({"a": [value]})
    sent = control_client(conf.LOCAL_GATEWAY).get_integrations(ApiId=row.api_id)["Items"][0]["RequestParameters"]
    assert f"'{gateway_secret(row.api_id)}'" in sent.values()


@pytest.mark.parametrize(
    "credentials",
    [
        {"AWS_SESSION_TOKEN": "planted-token\nx"},
        {"AWS_SESSION_TOKEN": "planted\r\ntoken"},
        {"AWS_ACCESS_KEY_ID": "AKIAPLANTED\nplanted", "AWS_SESSION_TOKEN": None},
    ],
)
def test_credentials_that_no_header_can_hold_are_not_shown(credentials):
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "planted-secret", "AWS_REGION_NAME": "eu-west-1"}
    with override_settings(**{**keys, **credentials}), pytest.raises(CredentialsError) as caught:
        ControlPlane("http://127.0.0.1:9").call("GetApis")
    assert "contain a line break" in str(caught.value)
    assert not re.search("planted|Signature", str(caught.value), re.IGNORECASE)
