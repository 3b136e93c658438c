"""From AWS to the row: a row made of an API, and a row that takes AWS's values."""

from __future__ import annotations

import io
import re

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from django_aws_api_gateway_websockets.exceptions import GatewayBusy
from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.provisioning import update_gateway
from django_aws_api_gateway_websockets.provisioning.locking import locked
from django_aws_api_gateway_websockets.security.gateway_secret import gateway_secret

from .test_cloudformation import full  # noqa: F401  a fixture

#: What an import can find in AWS.
FIELDS = [
    "api_name",
    "api_description",
    "target_base_endpoint",
    "stage_name",
    "stage_description",
    "stage_variables",
    "throttling_rate",
    "throttling_burst",
    "access_log_destination",
    "access_log_format",
    "logging_level",
    "data_trace",
    "detailed_metrics",
    "client_certificate_id",
    "tags",
    "two_way_replies",
    "integration_timeout",
    "ip_address_type",
    "api_id",
    "api_endpoint",
]


def run(**options):
    out = io.StringIO()
    call_command("importApiGateway", stdout=out, **options)
    return out.getvalue()


def values(row):
    row.refresh_from_db()
    routes = dict(row.additional_routes.values_list("route_key", "integration_url"))
    return {name: getattr(row, name) for name in FIELDS}, routes


def test_an_imported_row_has_every_value_of_the_original(local_aws, full):  # noqa: F811
    # Which domains lead to an API cannot be read from it: a new row has none, and could not be reached.
    ApiGateway.objects.update(api_id=None, disable_execute_api_endpoint=False)
    full.refresh_from_db()
    full.create_gateway()
    before, api_id = values(full), full.api_id
    ApiGateway.objects.all().delete()
    run(api_id=api_id, stage="live")
    made = ApiGateway.objects.get()
    assert values(made) == before
    # It is another row: it marks the API as its own, and nothing else is different.
    assert [str(step) for step in made.plan()] == ["update tags of the API chat", "update tags of the stage live"]
    made.create_gateway()
    assert made.plan().steps == ()


def test_a_row_takes_the_values_of_aws(aws, row):
    row.create_gateway()
    aws.by_hand.update_stage(ApiId=row.api_id, StageName="production", Description="by hand")
    target = aws.routes(row)["$default"]["Target"]
    aws.by_hand.update_integration(
        ApiId=row.api_id, IntegrationId=target.split("/")[1], IntegrationUri="https://www.example.com/ws/default"
    )
    other = aws.by_hand.create_integration(
        ApiId=row.api_id,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="POST",
        IntegrationUri="https://bills.example.com/",
    )
    aws.by_hand.create_route(ApiId=row.api_id, RouteKey="bills", Target=f"integrations/{other['IntegrationId']}")
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("importApiGateway", pk=[row.pk], dry_run=True, stdout=out)
    shown = out.getvalue()
    assert ended.value.code == 3
    assert "stage_description: (none) -> by hand" in shown
    assert "+ route bills -> https://bills.example.com/" in shown
    row.refresh_from_db()
    assert row.stage_description == ""
    assert not row.additional_routes.exists()
    run(pk=[row.pk])
    row.refresh_from_db()
    assert row.stage_description == "by hand"
    assert row.additional_routes.get().integration_url == "https://bills.example.com/"
    # What a row cannot say differently stays in the plan: the headers that prove where an event came from.
    assert {step.resource.key for step in row.plan() if step.resource.kind == "integration"} == {"bills"}


@pytest.fixture
def by_hand(local_aws):
    """The id of an API that somebody clicked together: nothing proves where its requests come from."""
    api_id = local_aws.by_hand.create_api(
        Name="by hand", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    for key in ("connect", "disconnect", "default"):
        integration = local_aws.by_hand.create_integration(
            ApiId=api_id,
            IntegrationType="HTTP_PROXY",
            IntegrationMethod="POST",
            IntegrationUri=f"https://www.example.com/ws/{key}",
            RequestParameters={"integration.request.header.connectionId": "context.connectionId"},
        )["IntegrationId"]
        local_aws.by_hand.create_route(ApiId=api_id, RouteKey=f"${key}", Target=f"integrations/{integration}")
    local_aws.by_hand.create_stage(ApiId=api_id, StageName="production")
    return api_id


def warnings():
    return [message.id for message in run_checks(tags=["websockets"], databases=["default"])]


def test_an_import_without_the_secret_is_marked_until_updated(by_hand, db, admin_client, example_hosts):
    assert "do not send the gateway's secret" in run(api_id=by_hand)
    made = ApiGateway.objects.get()
    assert made.sends_secret is False
    assert "websockets.W023" in warnings()
    url = "/admin/django_aws_api_gateway_websockets/apigateway/"
    for page in (url, f"{url}{made.pk}/change/"):
        assert 'icon-no.svg"' in field(admin_client.get(page), "sends_secret")

    out = io.StringIO()
    with pytest.raises(SystemExit) as code:
        call_command("planApiGateway", pk=[made.pk], stdout=out)
    assert code.value.code == 3
    assert out.getvalue().count("X-Websocket-Gateway-Secret: (none) -> (the gateway's secret)") == 3
    assert gateway_secret(by_hand) not in out.getvalue()
    made.refresh_from_db()
    assert made.sends_secret is False

    call_command("updateApiGateway", pk=[made.pk], stdout=io.StringIO())
    made.refresh_from_db()
    assert made.sends_secret is True
    assert warnings() == []
    assert 'icon-yes.svg" alt="True"' in field(admin_client.get(url), "sends_secret")


def field(page, name):
    """What the admin's page shows in the column, or the line, of a field."""
    [shown] = re.findall(rf'field-{name}"?(.*?)(?:</td>|field-|</fieldset>)', page.content.decode(), re.DOTALL)
    return shown


def test_import_notices_a_lost_secret_and_accepts_an_older_one(local_aws, row, settings):
    row.create_gateway()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]
    assert row.plan()
    assert row.sends_secret is True
    settings.SECRET_KEY_FALLBACKS = []
    assert row.plan()
    assert row.sends_secret is False


def test_what_cannot_be_imported_says_why(local_aws, row):
    row.create_gateway()
    with pytest.raises(CommandError, match=f"belongs to 'chat'. Use --pk={row.pk}"):
        run(api_id=row.api_id)
    with pytest.raises(CommandError, match="GetApi"):
        run(api_id="nosuchapi")
    other = ApiGateway.objects.create(api_name="b", target_base_endpoint="https://b.example.com/ws/")
    with pytest.raises(CommandError, match="Name one with --api-id"):
        run(pk=[other.pk])
    with pytest.raises(CommandError, match="has no stage 'blue'; it has: production"):
        run(pk=[row.pk], stage="blue")


def test_the_api_of_a_row_is_not_forgotten_for_another(local_aws, row):
    other = ApiGateway.objects.create(api_name="other", target_base_endpoint="https://www.example.com/ws/")
    row.create_gateway()
    other.create_gateway()
    ApiGateway.objects.filter(pk=other.pk).delete()
    for dry_run in (True, False):
        with pytest.raises(CommandError, match=f"(?s){row.api_id}.*{other.api_id}.*deleteApiGateway --pk={row.pk}"):
            run(pk=[row.pk], api_id=other.api_id, dry_run=dry_run)
    row.refresh_from_db()
    assert row.api_name == "chat"
    # One that is gone keeps nobody.
    local_aws.by_hand.delete_api(ApiId=row.api_id)
    run(pk=[row.pk], api_id=other.api_id)
    assert ApiGateway.objects.get().api_id == other.api_id


def test_an_import_waits_for_whoever_changes_the_row(local_aws, row):
    row.create_gateway()
    local_aws.by_hand.update_stage(ApiId=row.api_id, StageName="production", Description="by hand")
    with locked(row):
        with pytest.raises(CommandError, match="being changed by another process"):
            run(pk=[row.pk])
        with pytest.raises(GatewayBusy):
            update_gateway(ApiGateway.objects.get())
    run(pk=[row.pk])
    assert ApiGateway.objects.get().stage_description == "by hand"


def test_a_route_keeps_the_name_that_somebody_gave_it(local_aws, row):
    row.create_gateway()
    route = row.additional_routes.create(name="Join a room", route_key="join", integration_url="https://a.example.com/")
    update_gateway(row)
    target = local_aws.routes(row)["join"]["Target"].split("/")[1]
    local_aws.by_hand.update_integration(
        ApiId=row.api_id, IntegrationId=target, IntegrationUri="https://b.example.com/"
    )
    run(pk=[row.pk])
    again = row.additional_routes.get()
    assert (again.pk, again.name, again.integration_url) == (route.pk, "Join a room", "https://b.example.com/")
    assert again.deployed


CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"


@pytest.fixture
def with_domain(row, local_aws):
    row.domain_name, row.certificate_arn = "ws.example.com", CERTIFICATE
    row.save()
    row.create_gateway()
    row.create_custom_domain()
    local_aws.by_hand.delete_api_mapping(DomainName="ws.example.com", ApiMappingId=row.api_mapping_id)
    return row


def test_a_mapping_that_was_deleted_by_hand_is_none(local_aws, with_domain):
    assert "custom_domain_created: True -> False" in run(pk=[with_domain.pk])
    with_domain.refresh_from_db()
    assert (with_domain.custom_domain_created, with_domain.api_mapping_id) == (False, "")
    assert with_domain.websocket_url == with_domain.api_endpoint + "/production"
    # The domain is still there, and still this row's to delete.
    call_command("deleteApiGateway", pk=[with_domain.pk], interactive=False, stdout=io.StringIO())
    assert local_aws.by_hand.get_domain_names()["Items"] == []


def test_a_domain_that_was_deleted_by_hand_is_none(local_aws, with_domain):
    local_aws.by_hand.delete_domain_name(DomainName="ws.example.com")
    run(pk=[with_domain.pk])
    with_domain.refresh_from_db()
    assert not with_domain.has_domain
    assert with_domain.mapped_domain_name == ""


def test_import_takes_a_domain_that_was_mapped_by_hand(local_aws, with_domain):
    configuration = {"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL"}
    local_aws.by_hand.create_domain_name(DomainName="new.example.com", DomainNameConfigurations=[configuration])
    local_aws.by_hand.create_api_mapping(
        DomainName="new.example.com", ApiId=with_domain.api_id, Stage="production", ApiMappingKey="chat"
    )
    run(pk=[with_domain.pk])
    assert ApiGateway.objects.get().websocket_url == "wss://new.example.com/chat"


def test_the_custom_domain_comes_along(aws, row):
    row.domain_name, row.api_mapping_key, row.certificate_arn = "ws.example.com", "chat", CERTIFICATE
    row.save()
    row.create_gateway()
    row.create_custom_domain()
    before = ApiGateway.objects.values().get()
    ApiGateway.objects.all().delete()
    run(api_id=row.api_id)
    made = ApiGateway.objects.values().get()
    for name in (
        "domain_name",
        "certificate_arn",
        "api_mapping_key",
        "api_gateway_domain_name",
        "api_mapping_id",
        "custom_domain_created",
        "mapped_domain_name",
    ):
        assert made[name] == before[name]
    assert ApiGateway.objects.get().websocket_url == "wss://ws.example.com/chat"
