"""From nothing to an API, through every change, to nothing again: as a user sees it in AWS."""

from __future__ import annotations

import pytest

from django_aws_api_gateway_websockets.models import ClosedReason, WebSocketSession
from django_aws_api_gateway_websockets.provisioning import plan_gateway, remove_gateway, update_gateway

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"


def described(plan):
    return [str(step) for step in plan]


def changed(plan):
    return {change.name for step in plan for change in step.changes}


def test_created_it_is_what_the_row_says(aws, row):
    row.create_gateway()
    assert [api["Name"] for api in aws.apis()] == ["chat"]
    assert set(aws.routes(row)) == {"$connect", "$disconnect", "$default"}
    uris = {key: aws.integration(row, key)["IntegrationUri"] for key in aws.routes(row)}
    assert uris == {
        "$connect": "https://www.example.com/ws/connect",
        "$disconnect": "https://www.example.com/ws/disconnect",
        "$default": "https://www.example.com/ws/default",
    }
    assert aws.stage(row)["StageName"] == "production"
    assert row.plan().steps == ()
    row.refresh_from_db()
    assert row.api_created
    assert row.status == "in_step"
    assert row.websocket_url.endswith("/production")


def test_creating_again_does_nothing(aws, row):
    row.create_gateway()
    before = row.api_id
    assert update_gateway(row).steps == ()
    assert row.api_id == before
    assert len(aws.apis()) == 1


def test_before_creation_the_plan_names_every_step_and_no_secret(aws, row):
    plan = plan_gateway(row)
    assert described(plan)[:3] == ["create API chat", "create integration $connect", "create route $connect"]
    assert "known-once" not in str(plan)
    assert "known-once" not in str(plan.shown())
    assert aws.apis() == []
    row.refresh_from_db()
    assert row.status == "not_created"


EDITS = {
    "api_name": ("chat of the team", {"Name"}),
    "api_description": ("talk", {"Description"}),
    "route_selection_expression": ("$request.body.kind", {"RouteSelectionExpression", "DeploymentId"}),
    "api_key_selection_expression": (
        "$context.authorizer.usageIdentifierKey",
        {"ApiKeySelectionExpression", "DeploymentId"},
    ),
    "tags": ({"team": "web"}, {"team"}),
    "disable_execute_api_endpoint": (True, {"DisableExecuteApiEndpoint", "DeploymentId"}),
    "target_base_endpoint": ("https://new.example.com/ws/", {"IntegrationUri", "DeploymentId"}),
    "integration_timeout": (5000, {"TimeoutInMillis", "DeploymentId"}),
    "two_way_replies": (True, {"DeploymentId"}),
    "stage_description": ("the one", {"Description"}),
    "stage_variables": ({"version": "2"}, {"StageVariables.version"}),
    "throttling_rate": (50.0, {"DefaultRouteSettings.ThrottlingRateLimit"}),
    "throttling_burst": (20, {"DefaultRouteSettings.ThrottlingBurstLimit"}),
    "logging_level": ("ERROR", {"DefaultRouteSettings.LoggingLevel"}),
    "data_trace": (True, {"DefaultRouteSettings.DataTraceEnabled"}),
    "detailed_metrics": (True, {"DefaultRouteSettings.DetailedMetricsEnabled"}),
    "client_certificate_id": ("abc123", {"ClientCertificateId"}),
}


@pytest.mark.parametrize("field", EDITS)
def test_the_plan_changes_exactly_the_edited_field_and_back(aws, row, field):
    _edit_and_back(row, field, *EDITS[field])


def test_the_ip_address_type_is_changed_and_changed_back(local_aws, row):
    # Not against ministack: it keeps no IpAddressType of an API, so it would differ for ever.
    _edit_and_back(row, "ip_address_type", "dualstack", {"IpAddressType"})


def _edit_and_back(row, field, value, names):
    # Without one its endpoint could not be disabled.
    row.domain_name, row.certificate_arn = "ws.example.com", CERTIFICATE
    row.save()
    row.create_gateway()
    old = getattr(row, field)
    for new in (value, old):
        setattr(row, field, new)
        row.save()
        plan = plan_gateway(row)
        assert changed(plan) == names, str(plan)
        assert described(update_gateway(row)) == described(plan)
        assert plan_gateway(row).steps == ()


def test_access_logs_are_switched_on_and_off(local_aws, row):
    # Not against ministack: it takes DeleteAccessLogSettings for DeleteStage.
    row.create_gateway()
    row.access_log_destination = "arn:aws:logs:us-east-1:123456789012:log-group:chat"
    row.access_log_format = "$context.requestId"
    row.save()
    update_gateway(row)
    assert local_aws.stage(row)["AccessLogSettings"]["Format"] == "$context.requestId"
    row.access_log_destination = ""
    row.save()
    update_gateway(row)
    assert "AccessLogSettings" not in local_aws.stage(row)
    assert plan_gateway(row).steps == ()


def test_only_what_needs_it_is_deployed_again(aws, row):
    row.create_gateway()
    deployments = aws.by_hand.get_deployments(ApiId=row.api_id)["Items"]
    row.stage_description = row.api_description = "no deployment for this"
    row.save()
    update_gateway(row)
    assert aws.by_hand.get_deployments(ApiId=row.api_id)["Items"] == deployments
    row.integration_timeout = 1000
    row.save()
    update_gateway(row)
    after = aws.by_hand.get_deployments(ApiId=row.api_id)["Items"]
    assert [one["DeploymentId"] for one in after] == [aws.stage(row)["DeploymentId"]]
    assert after != deployments


def test_a_renamed_stage_takes_the_place_of_the_old_one(aws, row):
    row.create_gateway()
    row.stage_name = "live"
    row.save()
    update_gateway(row)
    assert [one["StageName"] for one in aws.by_hand.get_stages(ApiId=row.api_id)["Items"]] == ["live"]
    assert plan_gateway(row).steps == ()


def test_two_way_routes_have_a_response_and_connect_has_none(aws, row):
    row.two_way_replies = True
    row.save()
    row.create_gateway()
    responses = {
        key: [
            one["RouteResponseKey"]
            for one in aws.by_hand.get_route_responses(ApiId=row.api_id, RouteId=route["RouteId"])["Items"]
        ]
        for key, route in aws.routes(row).items()
    }
    assert responses == {"$connect": [], "$disconnect": [], "$default": ["$default"]}


def test_the_custom_domain_is_created_mapped_and_removed(aws, row):
    row.domain_name, row.certificate_arn, row.api_mapping_key = "ws.example.com", CERTIFICATE, "chat"
    row.save()
    row.create_gateway()
    assert not row.custom_domain_created
    assert plan_gateway(row).steps == ()
    row.create_custom_domain()
    row.refresh_from_db()
    assert row.custom_domain_created
    assert row.websocket_url == "wss://ws.example.com/chat"
    domain = aws.by_hand.get_domain_name(DomainName="ws.example.com")
    assert row.api_gateway_domain_name == domain["DomainNameConfigurations"][0]["ApiGatewayDomainName"]
    [mapping] = aws.by_hand.get_api_mappings(DomainName="ws.example.com")["Items"]
    assert (mapping["ApiId"], mapping["Stage"], mapping["ApiMappingKey"]) == (row.api_id, "production", "chat")
    assert mapping["ApiMappingId"] == row.api_mapping_id
    assert plan_gateway(row).steps == ()
    row.api_mapping_key = "talk"
    row.save()
    assert changed(plan_gateway(row)) == {"ApiMappingKey"}
    update_gateway(row)
    assert plan_gateway(row).steps == ()
    remove_gateway(row)
    assert aws.by_hand.get_domain_names()["Items"] == []
    assert aws.apis() == []


@pytest.mark.parametrize("new", ["talk.example.com", ""])
def test_another_domain_name_leaves_nothing_of_the_old_one(aws, row, new):
    row.domain_name, row.certificate_arn = "ws.example.com", CERTIFICATE
    row.save()
    row.create_gateway()
    row.create_custom_domain()
    row.domain_name = new
    row.save()
    assert described(plan_gateway(row))[-2:] == [
        "delete API mapping ws.example.com",
        "delete domain name ws.example.com",
    ]
    update_gateway(row)
    assert [one["DomainName"] for one in aws.by_hand.get_domain_names()["Items"]] == ([new] if new else [])
    assert plan_gateway(row).steps == ()
    row.refresh_from_db()
    assert row.custom_domain_created == bool(new)
    assert bool(row.api_gateway_domain_name) == bool(new)
    remove_gateway(row)
    assert aws.apis() == []


def test_without_execute_api_messages_go_through_the_domain(aws, row):
    row.domain_name, row.certificate_arn = "ws.example.com", CERTIFICATE
    row.disable_execute_api_endpoint = True
    row.save()
    row.create_gateway()
    row.create_custom_domain()
    assert aws.apis()[0]["DisableExecuteApiEndpoint"]
    assert row.connections_url == "https://ws.example.com"


def test_a_domain_that_another_api_uses_too_stays(aws, row):
    row.domain_name, row.certificate_arn, row.api_mapping_key = "ws.example.com", CERTIFICATE, "chat"
    row.save()
    row.create_gateway()
    row.create_custom_domain()
    other = aws.by_hand.create_api(
        Name="other", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )
    aws.by_hand.create_stage(ApiId=other["ApiId"], StageName="v1")
    aws.by_hand.create_api_mapping(DomainName="ws.example.com", ApiId=other["ApiId"], Stage="v1", ApiMappingKey="v1")
    remove_gateway(row)
    assert [one["ApiId"] for one in aws.by_hand.get_api_mappings(DomainName="ws.example.com")["Items"]] == [
        other["ApiId"]
    ]


def test_the_sockets_go_with_the_api(aws, row, gateway):
    row.create_gateway()
    ours = WebSocketSession.objects.create(connection_id="ours=", api_gateway=row)
    other = WebSocketSession.objects.create(connection_id="other=", api_gateway=gateway)
    remove_gateway(row)
    for session in (ours, other):
        session.refresh_from_db()
    assert (ours.connected, ours.closed_reason) == (False, ClosedReason.CLIENT)
    assert other.connected


def test_deleting_leaves_nothing_and_the_row_can_be_recreated(aws, row):
    row.create_gateway()
    first = row.api_id
    remove_gateway(row)
    row.refresh_from_db()
    assert aws.apis() == []
    assert (row.api_id, row.api_endpoint, row.api_created, row.status) == (None, "", False, "not_created")
    row.create_gateway()
    assert row.api_id != first
    assert len(aws.apis()) == 1


def test_an_api_that_was_deleted_in_aws_is_made_anew(aws, row):
    row.create_gateway()
    aws.by_hand.delete_api(ApiId=row.api_id)
    assert described(plan_gateway(row))[0] == "create API chat"
    update_gateway(row)
    assert [api["ApiId"] for api in aws.apis()] == [row.api_id]
    assert plan_gateway(row).steps == ()
