"""What somebody changed by hand is in the plan, and updating mends it."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command

from django_aws_api_gateway_websockets.definition import SECRET_PARAMETER
from django_aws_api_gateway_websockets.provisioning import plan_gateway, update_gateway
from django_aws_api_gateway_websockets.security.gateway_secret import gateway_secret

from . import standins


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
    """The log would have what people say to each other."""
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


@pytest.mark.skipif(not standins.HAS_MINISTACK, reason="ministack is not installed")
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


def test_settings_of_one_route_on_the_stage_are_planned_and_removed(local_aws, row):
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


def test_a_changed_secret_key_is_in_the_plan_and_one_update_brings_it_to_aws(aws, created, settings):
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
