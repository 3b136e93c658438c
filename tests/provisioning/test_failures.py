"""Half way is just a state to go on from: answers lost after every call, refusals, and two operators at once."""

from __future__ import annotations

import io
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from django_aws_api_gateway_websockets.exceptions import (
    AwsUnreachable,
    Conflict,
    CredentialsError,
    GatewayBusy,
    InvalidGateway,
    Throttled,
)
from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.provisioning import plan_gateway, update_gateway
from django_aws_api_gateway_websockets.provisioning.control import delays
from django_aws_api_gateway_websockets.provisioning.locking import locked

from .faults import Calls, Meanwhile, Refuse
from .test_lifecycle import CERTIFICATE


def describe(name):
    row = ApiGateway.objects.create(
        api_name=name,
        target_base_endpoint="https://www.example.com/ws/",
        two_way_replies=True,
        domain_name=f"{name}.example.com",
        certificate_arn=CERTIFICATE,
    )
    row.additional_routes.create(name="orders", route_key="orders", integration_url="https://orders.example.com/ws")
    return row


def create(row):
    row.create_gateway()
    row.create_custom_domain()


@pytest.mark.slow
def test_after_any_lost_answer_a_rerun_leaves_one_api_no_orphan(lenient_aws, db, watch):
    counted = watch(Calls())
    create(describe("whole"))
    total = counted.writes
    assert total > 15
    for number in range(1, total + 1):
        row = describe(f"lost{number}")
        lost = watch(Calls(lose=number))
        with pytest.raises(AwsUnreachable):
            create(row)
        row = ApiGateway.objects.get(pk=row.pk)
        create(row)
        assert lost.writes >= number
        _is_whole(lenient_aws, row)


def _is_whole(aws, row):
    assert [api["Name"] for api in aws.apis()].count(row.api_name) == 1
    assert sorted(aws.routes(row)) == ["$connect", "$default", "$disconnect", "orders"]
    routes = aws.by_hand.get_routes(ApiId=row.api_id)["Items"]
    assert len(routes) == len(aws.integrations(row)) == 4
    assert len(aws.by_hand.get_deployments(ApiId=row.api_id)["Items"]) == 1
    assert len(aws.by_hand.get_api_mappings(DomainName=row.domain_name)["Items"]) == 1
    assert plan_gateway(row).steps == ()
    row.refresh_from_db()
    assert row.api_created
    assert row.custom_domain_created
    assert row.additional_routes.get().deployed


@pytest.mark.parametrize(
    "status, code", [(409, "ConflictException"), (429, "TooManyRequestsException")], ids=["conflict", "throttled"]
)
def test_a_refusal_that_passes_is_waited_out(local_aws, row, watch, status, code):
    refuse = watch(Refuse(2, status, code))
    row.create_gateway()
    assert refuse.times == 0
    assert len(local_aws.apis()) == 1
    assert plan_gateway(row).steps == ()


@pytest.mark.parametrize("command", ["planApiGateway", "updateApiGateway"])
@pytest.mark.parametrize(
    "code, said",
    [
        ("ExpiredTokenException", "The security token included in the request is expired"),
        ("UnrecognizedClientException", "The security token included in the request is invalid."),
        ("InvalidSignatureException", "Signature expired: 20250101T000000Z is now earlier than 20250101T001000Z"),
        ("", "The request signature we calculated does not match the signature you provided."),
    ],
)
def test_bad_credentials_are_not_reported_as_missing_permission(local_aws, row, watch, command, code, said):
    row.create_gateway()
    watch(Refuse(-1, 403, code, said, methods=("GET", "POST", "PATCH")))
    with pytest.raises(CommandError) as ended:
        call_command(command, pk=[row.pk])
    assert said in str(ended.value)
    assert "Renew the login" in str(ended.value)
    assert "IAM" not in str(ended.value)
    row.refresh_from_db()
    # Nobody has seen that it differs.
    assert row.status == "unreachable"
    assert said in row.last_error


@pytest.mark.parametrize(
    "code, said, names_action",
    [("AccessDeniedException", "No.", True), ("ForbiddenException", "Forbidden by a proxy", False)],
)
def test_another_403_quotes_aws_and_keeps_the_status(local_aws, row, watch, code, said, names_action):
    row.create_gateway()
    watch(Refuse(-1, 403, code, said, methods=("GET",)))
    with pytest.raises(CommandError) as ended:
        call_command("planApiGateway", pk=[row.pk])
    assert f"AWS answered 403 {code}: {said}" in str(ended.value)
    assert ("lack the IAM action apigateway:GET" in str(ended.value)) is names_action
    row.refresh_from_db()
    assert row.status == "in_step"


def test_a_run_refused_half_way_leaves_a_row_that_differs(local_aws, row, watch):
    row.create_gateway()
    ApiGateway.objects.update(stage_description="new")
    watch(Refuse(-1, 403, "ExpiredTokenException", "expired", methods=("PATCH",)))
    with pytest.raises(CommandError):
        call_command("updateApiGateway", pk=[row.pk])
    row.refresh_from_db()
    assert row.status == "differs"


def test_the_waits_respect_the_limits_of_the_control_plane():
    throttled, conflict = Throttled("429", status=429), Conflict("409", status=409)
    assert next(delays("CreateDeployment", throttled)) == 5
    assert next(delays("CreateDomainName", throttled)) == 30
    assert list(delays("CreateRoute", throttled)) == [0.5, 1, 2, 4, 8]
    assert list(delays("CreateRoute", conflict)) == [0.2, 0.4, 0.8, 1.6, 3.2]


def test_a_creation_with_a_lost_answer_is_not_repeated_blindly():
    lost = AwsUnreachable("timeout")
    assert list(delays("CreateApi", lost)) == []
    assert list(delays("GetApis", lost)) == [0.2, 0.4]


def test_a_second_operator_is_refused_and_told_who_is_working(local_aws, row):
    with locked(row), pytest.raises(GatewayBusy, match="being changed by another process"):
        update_gateway(ApiGateway.objects.get(pk=row.pk))
    update_gateway(row)
    assert len(local_aws.apis()) == 1


def test_the_lock_of_a_process_that_died_ends(local_aws, row):
    from django.utils import timezone

    ApiGateway.objects.filter(pk=row.pk).update(locked_by="host:1", locked_until=timezone.now())
    update_gateway(row)
    assert len(local_aws.apis()) == 1


def test_nobody_there_is_one_clear_message_and_the_row_says_so(use, row, settings):
    use("http://127.0.0.1:9")
    row.refresh_from_db()
    with pytest.raises(AwsUnreachable, match="Check the endpoint and the network"):
        plan_gateway(row)
    row.refresh_from_db()
    assert row.status == "unreachable"
    assert "127.0.0.1:9" in row.last_error


def test_without_credentials_the_settings_are_named(row, settings, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    settings.AWS_GATEWAY_REGION_NAME = "eu-west-1"
    with pytest.raises(CredentialsError, match="Set AWS_IAM_PROFILE, or AWS_ACCESS_KEY_ID"):
        plan_gateway(row)


@pytest.mark.parametrize(
    "field, value",
    [
        ("target_base_endpoint", "ftp://example.com/"),
        ("stage_name", "two words"),
        ("tags", {"aws:mine": "x"}),
        ("tags", {"team": "a;b"}),
        ("tags", {"team": 1}),
        ("stage_variables", {"v": "two words"}),
        ("domain_name", "https://ws.example.com"),
        ("certificate_arn", "my certificate"),
        ("integration_timeout", 30000),
        ("throttling_rate", -1),
        ("hosted_zone_id", "/hostedzone/Z1"),
        ("api_mapping_key", "with space"),
    ],
)
def test_what_aws_would_refuse_is_refused_before_the_first_call(local_aws, row, watch, field, value):
    calls = watch(Calls())
    ApiGateway.objects.filter(pk=row.pk).update(**{field: value})
    row.refresh_from_db()
    with pytest.raises(InvalidGateway) as refused:
        row.create_gateway()
    assert field in refused.value.problems
    assert field in str(refused.value)
    assert calls.writes == 0


@pytest.mark.parametrize("key", ["with space", "$mine", "a'b", "$connect"])
def test_an_invalid_route_key_is_refused_before_any_call(local_aws, row, key):
    row.additional_routes.create(name="bad", route_key=key, integration_url="https://example.com/ws")
    with pytest.raises(InvalidGateway, match="additional route"):
        row.create_gateway()
    assert local_aws.apis() == []


def test_a_custom_domain_needs_a_name_and_a_regional_certificate(local_aws, row):
    row.create_gateway()
    with pytest.raises(InvalidGateway, match="domain_name"):
        row.create_custom_domain()
    row.domain_name = "ws.example.com"
    with pytest.raises(InvalidGateway, match="certificate_arn: A custom domain needs a certificate"):
        row.create_custom_domain()
    row.certificate_arn = CERTIFICATE.replace("us-east-1", "eu-west-1")
    with pytest.raises(InvalidGateway, match=r"certificate is in eu-west-1.*us-east-1"):
        row.create_custom_domain()


def run(command, *pks):
    call_command(command, pk=list(pks), stdout=io.StringIO())


@pytest.mark.django_db(transaction=True)
def test_a_route_saved_during_a_run_is_marked_until_deployed(local_aws, row, watch):
    run("createApiGateway", row.pk)
    ApiGateway.objects.update(api_description="new")
    route = {"name": "Join", "route_key": "join", "integration_url": "https://www.example.com/join"}
    watch(Meanwhile("PATCH", lambda: ApiGateway.objects.get().additional_routes.create(**route)))
    run("updateApiGateway", row.pk)
    row.refresh_from_db()
    assert row.status == "differs"
    assert "being changed by another process" in row.last_error
    assert not row.additional_routes.get().deployed
    assert "join" not in local_aws.routes(row)
    run("updateApiGateway", row.pk)
    row.refresh_from_db()
    assert (row.status, row.last_error) == ("in_step", "")
    assert row.additional_routes.get().deployed
    assert "join" in local_aws.routes(row)


@pytest.mark.parametrize("command, method", [("updateApiGateway", "PATCH"), ("planApiGateway", "GET")])
def test_a_row_edited_during_a_run_is_not_in_step_afterwards(local_aws, row, watch, command, method):
    run("createApiGateway", row.pk)
    if method == "PATCH":
        ApiGateway.objects.update(api_description="new")

    def edit():
        edited = ApiGateway.objects.get()
        edited.stage_description = "newer"
        edited.save()

    watch(Meanwhile(method, edit))
    run(command, row.pk)
    row.refresh_from_db()
    assert row.status == "differs"
    run("updateApiGateway", row.pk)
    row.refresh_from_db()
    assert row.status == "in_step"
    assert local_aws.stage(row)["Description"] == "newer"


def test_each_row_is_read_again_when_its_turn_comes(local_aws, row, watch):
    other = ApiGateway.objects.create(api_name="other", target_base_endpoint="https://www.example.com/ws/")
    gone = ApiGateway.objects.create(api_name="gone", target_base_endpoint="https://www.example.com/ws/")

    def edit():
        ApiGateway.objects.filter(pk=other.pk).update(stage_description="meanwhile")
        ApiGateway.objects.filter(pk=gone.pk).delete()

    watch(Meanwhile("POST", edit))
    run("createApiGateway", row.pk, other.pk, gone.pk)
    other.refresh_from_db()
    assert local_aws.stage(other)["Description"] == "meanwhile"
    assert len(local_aws.apis()) == 2


@pytest.mark.parametrize(
    "field, value, status",
    [
        ("stage_description", "new", "differs"),
        ("tags", {"a": "b"}, "differs"),
        ("default_channel_name", "x", "in_step"),
    ],
)
@pytest.mark.parametrize("by_name", [False, True])
def test_an_edit_in_code_of_what_aws_has_makes_the_row_differ(local_aws, row, field, value, status, by_name):
    run("createApiGateway", row.pk)
    row.refresh_from_db()
    setattr(row, field, value)
    row.save(update_fields=[field] if by_name else None)
    row.refresh_from_db()
    assert (getattr(row, field), row.status) == (value, status)


@pytest.mark.django_db(transaction=True)
def test_two_operators_at_once_make_one_api(local_aws):
    row = describe("raced")
    start, outcomes = threading.Barrier(2), []

    def operator():
        start.wait()
        try:
            update_gateway(ApiGateway.objects.get(pk=row.pk))
            outcomes.append("done")
        except GatewayBusy:
            outcomes.append("busy")
        finally:
            connection.close()

    threads = [threading.Thread(target=operator) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) in (["busy", "done"], ["done", "done"])
    assert len(local_aws.apis()) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://evil.example/take", "may not be sent to https://evil.example/take"),
        ("https://www.example.com@evil.example/take", "Enter an http:// or https:// URL"),
        ("https://www.example.com/take?key=1", "Enter an http:// or https:// URL"),
        ("ftp://www.example.com/take", "Enter an http:// or https:// URL"),
    ],
)
def test_a_route_written_past_the_forms_gets_no_secret(local_aws, row, watch, url, said):
    """While a run is under way, after the row was checked."""
    route = row.additional_routes.create(name="a", route_key="a", integration_url="https://www.example.com/a")
    watch(Meanwhile("POST", lambda: type(route)._base_manager.filter(pk=route.pk).update(integration_url=url)))
    with pytest.raises(InvalidGateway, match="The route a was not written to AWS") as refused:
        row.create_gateway()
    assert said in str(refused.value)
    assert all(one["IntegrationUri"] != url for one in local_aws.integrations(row))
    row.refresh_from_db()
    assert said in row.last_error
    assert row.status == "differs"


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("ALLOWED_DOMAINS", "domain_name", "www.example.com"),
        ("ALLOWED_DOMAINS", "domain_name", "*.example.com"),
        ("ALLOWED_HOSTED_ZONES", "hosted_zone_id", "Z0OTHER"),
    ],
)
def test_a_domain_or_zone_that_is_not_allowed_is_refused(local_aws, row, settings, watch, setting, field, value):
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, setting: ["ws.example.com"]}
    ApiGateway.objects.update(**{"domain_name": "ws.example.com", "certificate_arn": CERTIFICATE, field: value})
    row.refresh_from_db()
    calls = watch(Calls())
    with pytest.raises(InvalidGateway, match=f"{setting} in WEBSOCKETS"):
        row.create_custom_domain()
    assert calls.writes == 0
