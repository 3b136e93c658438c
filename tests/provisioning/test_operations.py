"""What is really sent: the operations that the IAM policy is made of, and nothing that is for HTTP APIs only."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from django_aws_api_gateway_websockets.aws import control_client
from django_aws_api_gateway_websockets.conf import conf
from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.provisioning import remove_gateway, update_gateway
from django_aws_api_gateway_websockets.provisioning.operations import OPERATIONS, SERVICES

from .test_lifecycle import CERTIFICATE


@pytest.fixture
def sent(local_aws):
    """Every call's operation and parameters, from botocore's own hook, which is after its validation began."""
    calls = []

    def note(params, model, **kwargs):
        calls.append((model.name, dict(params)))

    events = control_client(conf.LOCAL_GATEWAY).meta.events
    events.register("provide-client-params.apigatewayv2", note)
    yield calls
    events.unregister("provide-client-params.apigatewayv2", note)


def journey():
    """Everything that a row can go through."""
    row = ApiGateway.objects.create(
        api_name="chat",
        target_base_endpoint="https://www.example.com/ws/",
        two_way_replies=True,
        domain_name="ws.example.com",
        certificate_arn=CERTIFICATE,
        access_log_destination="arn:aws:logs:us-east-1:123456789012:log-group:chat",
        access_log_format="$context.requestId",
        tags={"team": "web"},
    )
    row.additional_routes.create(name="orders", route_key="orders", integration_url="https://a.example.com/ws")
    row.create_gateway()
    row.create_custom_domain()
    for values in (
        {"access_log_destination": "", "api_description": "talk", "tags": {}, "two_way_replies": False},
        {"tags": {"team": "api"}, "certificate_arn": CERTIFICATE[:-1] + "3", "api_mapping_key": "chat"},
        {"stage_name": "live", "integration_timeout": 1000},
    ):
        ApiGateway.objects.filter(pk=row.pk).update(**values)
        row.refresh_from_db()
        row.additional_routes.all()._raw_delete("default")
        update_gateway(row)
    control_client(conf.LOCAL_GATEWAY).update_stage(
        ApiId=row.api_id, StageName="live", RouteSettings={"$default": {"ThrottlingRateLimit": 1.0}}
    )
    update_gateway(row)
    remaining = row.api_id
    ApiGateway.objects.all().delete()
    call_command("importApiGateway", api_id=remaining, stage="live", verbosity=0, stdout=io.StringIO())
    imported = ApiGateway.objects.get()
    update_gateway(imported, adopt=True)
    remove_gateway(imported)


def test_the_table_lists_exactly_the_operations_carried_out(db, sent):
    journey()
    assert {name for name, _ in sent} == {name for name, service in SERVICES.items() if service == "apigatewayv2"}


def test_nothing_is_sent_that_is_for_http_apis_only(db, sent):
    journey()
    apis = [parameters for name, parameters in sent if name in ("CreateApi", "UpdateApi")]
    integrations = [parameters for name, parameters in sent if name in ("CreateIntegration", "UpdateIntegration")]
    assert apis
    assert integrations
    assert all("Target" not in one and "RouteKey" not in one for one in apis)
    assert all("PayloadFormatVersion" not in one for one in integrations)


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service == "apigatewayv2"])
def test_each_operations_action_is_its_http_method_on_its_path(name, local_aws):
    http = control_client().meta.service_model.operation_model(name).http
    action, path = OPERATIONS[name]
    assert action == f"apigateway:{http['method']}"
    segments = ["*" if part.startswith("{") else part for part in http["requestUri"].split("/")[2:]]
    assert path == "/" + "/".join(segments)


def test_an_api_is_found_again_on_any_page(local_aws, row):
    for number in range(101):
        local_aws.by_hand.create_api(
            Name=f"other{number}", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
        )
    row.create_gateway()
    first = row.api_id
    # As after a creation whose answer was lost.
    ApiGateway.objects.update(api_id=None)
    row.refresh_from_db()
    row.create_gateway()
    assert row.api_id == first
