"""What somebody changed by hand is in the plan, and updating mends it."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command

from django_aws_api_gateway_websockets.aws import control_client
from django_aws_api_gateway_websockets.conf import conf
from django_aws_api_gateway_websockets.definition import SECRET_PARAMETER
from django_aws_api_gateway_websockets.provisioning import plan_gateway, update_gateway
from django_aws_api_gateway_websockets.security.gateway_secret import gateway_secret

from . import standins
from .test_lifecycle import CERTIFICATE


def _url(aws, row):
    one = aws.integration(row, "$default")
    aws.by_hand.update_integration(
        ApiId=row.api_id, IntegrationId=one["IntegrationId"], IntegrationUri="https://old.example.com/ws/default"
    )


def _missing_response(aws, row):
    route_id = aws.routes(row)["$default"]["RouteId"]
    [one] = aws.by_hand.get_route_responses(ApiId=row.api_id, RouteId=route_id)["Items"]
    aws.by_hand.delete_route_response(ApiId=row.api_id, RouteId=route_id, RouteResponseId=one["RouteResponseId"])


def _removed_route(aws, row):
    aws.by_hand.delete_route(ApiId=row.api_id, RouteId=aws.routes(row)["orders"]["RouteId"])


def _extra_route(aws, row):
    target = aws.routes(row)["$default"]["Target"]
    aws.by_hand.create_route(ApiId=row.api_id, RouteKey="backdoor", Target=target)


def _throttle(aws, row):
    aws.by_hand.update_stage(ApiId=row.api_id, StageName=row.stage, DefaultRouteSettings={"ThrottlingRateLimit": 1.0})


def _data_trace(aws, row):
    """The log would hold every message."""
    aws.by_hand.update_stage(ApiId=row.api_id, StageName=row.stage, DefaultRouteSettings={"DataTraceEnabled": True})


def _secret(aws, row):
    one = aws.integration(row, "$connect")
    parameters = {**one["RequestParameters"], SECRET_PARAMETER: "'of-another-key'"}
    aws.by_hand.update_integration(ApiId=row.api_id, IntegrationId=one["IntegrationId"], RequestParameters=parameters)


def _lost_header(aws, row):
    one = aws.integration(row, "$disconnect")
    # AWS takes an empty value for "remove this key".
    parameters = {**one["RequestParameters"], SECRET_PARAMETER: ""}
    aws.by_hand.update_integration(ApiId=row.api_id, IntegrationId=one["IntegrationId"], RequestParameters=parameters)


def _tag(aws, row):
    aws.by_hand.tag_resource(ResourceArn=f"arn:aws:apigateway:us-east-1::/apis/{row.api_id}", Tags={"who": "me"})


def _other_deployment(aws, row):
    made = aws.by_hand.create_deployment(ApiId=row.api_id)["DeploymentId"]
    aws.by_hand.update_stage(ApiId=row.api_id, StageName=row.stage, DeploymentId=made)


def _duplicate_of_target(aws, row):
    """Two routes on one integration: the second gets its own again."""
    target = aws.routes(row)["$connect"]["Target"]
    aws.by_hand.update_route(ApiId=row.api_id, RouteId=aws.routes(row)["orders"]["RouteId"], Target=target)


def _authorization(aws, row):
    route_id = aws.routes(row)["$connect"]["RouteId"]
    aws.by_hand.update_route(ApiId=row.api_id, RouteId=route_id, AuthorizationType="AWS_IAM", ApiKeyRequired=True)


def _lost_selection(aws, row):
    route_id = aws.routes(row)["$default"]["RouteId"]
    aws.by_hand.update_route(ApiId=row.api_id, RouteId=route_id, RouteResponseSelectionExpression="$never")


DRIFTS = {
    _url: ["update integration $default"],
    _missing_response: ["create route response $default"],
    _removed_route: [
        "create integration orders",
        "create route orders",
        "create route response orders",
        "delete integration (unused) *",
    ],
    _extra_route: ["delete route backdoor"],
    _throttle: ["update stage production"],
    _data_trace: ["update stage production"],
    _secret: ["update integration $connect"],
    _lost_header: ["update integration $disconnect"],
    _tag: ["update tags of the API chat"],
    _other_deployment: ["update stage production"],
    _duplicate_of_target: [
        "create integration orders",
        "update route orders",
        "delete integration (unused) *",
    ],
}

#: Drift by settings that the local gateway does not serve, so it does not take them either.
UNSERVED_DRIFTS = {
    _authorization: ["update route $connect"],
    _lost_selection: ["update route response $default"],
}


@pytest.fixture
def created(aws, row):
    return _create(row)


def _create(row):
    row.two_way_replies = True
    row.throttling_rate = 50
    row.save()
    row.additional_routes.create(name="orders", route_key="orders", integration_url="https://orders.example.com/ws")
    row.create_gateway()
    return row


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: drift.__name__.strip("_"))
def test_drift_is_planned_exactly_and_mended(aws, created, drift):
    _check_drift(aws, created, drift, DRIFTS[drift])


@pytest.mark.skipif(not standins.HAS_MINISTACK, reason="needs Python 3.10, as ministack does")
@pytest.mark.parametrize("drift", UNSERVED_DRIFTS, ids=lambda drift: drift.__name__.strip("_"))
def test_drift_that_the_local_gateway_refuses_is_mended(ministack_aws, row, drift):
    _check_drift(ministack_aws, _create(row), drift, UNSERVED_DRIFTS[drift])


def _check_drift(aws, created, drift, steps):
    drift(aws, created)
    found = [str(step).partition("(unused)")[0] for step in plan_gateway(created)]
    assert found == [step.partition("(unused)")[0] for step in steps]
    created.refresh_from_db()
    assert created.status == "differs"
    update_gateway(created)
    assert plan_gateway(created).steps == ()
    created.refresh_from_db()
    assert created.status == "in_step"


def test_stage_settings_of_one_route_are_planned_and_removed(local_aws, row):
    """Not on ministack, which takes DeleteRouteSettings for DeleteStage."""
    row.create_gateway()
    limits = {"$default": {"ThrottlingRateLimit": 1.0, "ThrottlingBurstLimit": 1}}
    local_aws.by_hand.update_stage(ApiId=row.api_id, StageName=row.stage, RouteSettings=limits)
    assert [str(step) for step in plan_gateway(row)] == ["delete stage settings of the route $default"]
    update_gateway(row)
    assert plan_gateway(row).steps == ()
    assert not local_aws.stage(row)["RouteSettings"]


def test_full_data_in_the_log_is_switched_off(local_aws, row):
    row.create_gateway()
    _data_trace(local_aws, row)
    assert "DataTraceEnabled: True -> False" in str(plan_gateway(row))
    update_gateway(row)
    assert local_aws.stage(row)["DefaultRouteSettings"]["DataTraceEnabled"] is False


def test_a_secret_is_masked_wherever_a_plan_is_shown(aws, created):
    _secret(aws, created)
    plan = plan_gateway(created)
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("planApiGateway", pk=[created.pk], format="json", stdout=out, stderr=out)
    shown = [str(plan), repr(plan.steps), json.dumps(plan.shown()), out.getvalue()]
    for text in shown:
        assert "of-another-key" not in text
        assert gateway_secret(created.api_id) not in text
    assert "(another secret) -> (the gateway's secret)" in str(plan)


def test_a_changed_secret_key_is_planned_and_updated_in_one_run(aws, created, settings):
    settings.SECRET_KEY = "another-secret-key-of-the-site"
    steps = plan_gateway(created).steps
    assert {step.resource.kind for step in steps} == {"integration", "deployment", "stage"}
    update_gateway(created)
    expected = f"'{gateway_secret(created.api_id)}'"
    assert {one["RequestParameters"][SECRET_PARAMETER] for one in aws.integrations(created)} == {expected}


def test_no_repr_shows_a_secret(aws, created):
    _secret(aws, created)
    plan = plan_gateway(created)
    for step in plan.steps:
        shown = repr([step, step.wanted, step.actual, step.changes]) + repr(created.definition())
        assert "of-another-key" not in shown
        assert gateway_secret(created.api_id) not in shown


# --- what the table of properties does not know ---------------------------------------------------


def _on_integration(**values):
    def drift(aws, row):
        one = aws.integration(row, "orders")
        aws.by_hand.update_integration(ApiId=row.api_id, IntegrationId=one["IntegrationId"], **values)

    return drift


def _on_route(**values):
    def drift(aws, row):
        aws.by_hand.update_route(ApiId=row.api_id, RouteId=aws.routes(row)["orders"]["RouteId"], **values)

    return drift


def _on_stage(**values):
    return lambda aws, row: aws.by_hand.update_stage(ApiId=row.api_id, StageName=row.stage, **values)


def _on_api(**values):
    return lambda aws, row: aws.by_hand.update_api(ApiId=row.api_id, **values)


UNKNOWN = {
    "vpc link": (_on_integration(ConnectionType="VPC_LINK"), "integration orders", "ConnectionType: VPC_LINK"),
    "templates": (
        _on_integration(RequestTemplates={"application/json": "{}"}),
        "integration orders",
        "RequestTemplates.application/json: (hidden)",
    ),
    "content": (
        _on_integration(ContentHandlingStrategy="CONVERT_TO_TEXT"),
        "integration orders",
        "ContentHandlingStrategy: CONVERT_TO_TEXT",
    ),
    "required parameter": (
        _on_route(RequestParameters={"route.request.header.X": {"Required": True}}),
        "route orders",
        "RequestParameters.route.request.header.X.Required: True",
    ),
    "scopes": (_on_route(AuthorizationScopes=["admin"]), "route orders", "AuthorizationScopes: ['admin']"),
    "model": (_on_route(RequestModels={"a": "b"}), "route orders", "RequestModels.a: b"),
    "auto deploy": (_on_stage(AutoDeploy=True), "stage production", "AutoDeploy: True"),
    "validation": (_on_api(DisableSchemaValidation=True), "API chat", "DisableSchemaValidation: True"),
}


#: The local gateway refuses what it does not serve.
only_ministack = pytest.mark.skipif(not standins.HAS_MINISTACK, reason="needs Python 3.10, as ministack does")


@only_ministack
@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
@pytest.mark.parametrize("drift", UNKNOWN)
def test_drift_in_unknown_properties_is_named_and_mended(aws, created, drift):
    act, resource, named = UNKNOWN[drift]
    act(aws, created)
    plan = plan_gateway(created)
    assert [str(step) for step in plan] == [f"update {resource}"]
    assert named in str(plan)
    created.refresh_from_db()
    assert created.status == "differs"
    update_gateway(created)
    assert plan_gateway(created).steps == ()
    keys = ["$connect", "$default", "$disconnect", "orders"]
    assert sorted(aws.routes(created)) == keys
    assert len(aws.integrations(created)) == len(keys)


@pytest.fixture
def answers():
    """Adds members to what AWS answers, as a later version of AWS would."""
    events, hooks = control_client(conf.LOCAL_GATEWAY).meta.events, []

    def answers(operation, **members):
        def add(parsed, **kwargs):
            for one in parsed.get("Items", [parsed]):
                one.update(members)

        events.register(f"after-call.apigatewayv2.{operation}", add)
        hooks.append((operation, add))

    yield answers
    for operation, add in hooks:
        events.unregister(f"after-call.apigatewayv2.{operation}", add)


@pytest.mark.parametrize(
    ("operation", "kind"), [("GetStages", "stage"), ("GetApi", "API"), ("GetDomainName", "domain name")]
)
def test_what_no_update_can_take_back_is_left_and_said(local_aws, row, answers, operation, kind):
    row.domain_name, row.certificate_arn = "ws.example.com", CERTIFICATE
    row.save()
    update_gateway(row, with_domain=True)
    answers(operation, Novelty={"Loud": "yes"})
    assert "Novelty.Loud: yes -> (none) (unknown here: change it in AWS)" in str(plan_gateway(row))
    update_gateway(row)
    row.refresh_from_db()
    assert row.status == "differs"
    assert f"Change them in AWS: Novelty.Loud of the {kind}." in row.last_error


def test_an_empty_member_that_is_new_is_no_difference(local_aws, row, answers):
    row.create_gateway()
    for operation in ("GetApi", "GetStages", "GetIntegrations", "GetRoutes"):
        answers(operation, Novelty="", Other={}, More=[], Off=False, Nothing=None)
    assert plan_gateway(row).steps == ()


@only_ministack
@pytest.mark.parametrize("aws", ["ministack"], indirect=True)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integration.request.header.x-websocket-gateway-secret", "'planted-7f3a'"),
        ("integration.request.header.X-WEBSOCKET-GATEWAY-SECRET", "'planted-7f3a'"),
        ("integration.request.header.Authorization", "'Bearer planted-7f3a'"),
        ("integration.request.querystring.key", "'planted-7f3a'"),
        ("integration.request.header.Odd", "planted-7f3a"),
    ],
)
def test_every_static_value_is_masked(aws, created, admin_client, name, value):
    one = aws.integration(created, "$connect")
    parameters = {**one["RequestParameters"], name: value}
    aws.by_hand.update_integration(
        ApiId=created.api_id, IntegrationId=one["IntegrationId"], RequestParameters=parameters
    )
    url = "/admin/django_aws_api_gateway_websockets/apigateway/"
    page = admin_client.post(url, {"action": "plan_api_gateway", "_selected_action": [created.pk]}, follow=True)
    history = admin_client.get(f"{url}{created.pk}/history/")
    out = io.StringIO()
    for options in ({"format": "json"}, {}):
        with pytest.raises(SystemExit):
            call_command("planApiGateway", pk=[created.pk], stdout=out, stderr=out, **options)
    call_command("exportApiGateway", pk=[created.pk], stdout=out)
    plan = plan_gateway(created)
    shown = [out.getvalue(), str(plan), repr(plan.steps), page.content.decode(), history.content.decode()]
    assert all("planted-7f3a" not in text for text in shown)
    assert f"RequestParameters.{name}: (hidden) -> (none)" in str(plan)
    update_gateway(created)
    assert plan_gateway(created).steps == ()
