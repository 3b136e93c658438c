"""The generated policy is enough, and none of it is too much: ministack with its IAM switched on decides."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from django_aws_api_gateway_websockets.models import ApiGateway

from . import standins
from .test_lifecycle import CERTIFICATE


def run(command, *args, **options):
    out = io.StringIO()
    call_command(command, *args, stdout=out, stderr=out, **options)
    return out.getvalue()


def policy(**options):
    return json.loads(run("iamPolicy", **options))


def test_the_policy_in_the_documentation_is_the_commands():
    shown = Path(__file__).resolve().parents[2] / "docs" / "examples" / "sending_policy.json"
    assert run("iamPolicy", purpose="sending") == shown.read_text()


@pytest.fixture(scope="module")
def iam_url():
    if not standins.HAS_MINISTACK:
        pytest.skip("needs Python 3.10, as ministack does")
    with standins.ministack(AUTH="true", AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test") as url:
        yield url


class Account:
    """An IAM user of an account whose policy the test writes."""

    def __init__(self, url):
        self.url = url
        self.root = lambda service: standins.client(url, service)
        self.iam = self.root("iam")
        self.iam.create_user(UserName="deployer")
        key = self.iam.create_access_key(UserName="deployer")["AccessKey"]
        self.key_id, self.secret = key["AccessKeyId"], key["SecretAccessKey"]

    def may(self, document):
        self.iam.put_user_policy(UserName="deployer", PolicyName="it", PolicyDocument=json.dumps(document))


def new_account(url, use):
    standins.reset(url)
    account = Account(url)
    use(url, account.key_id, account.secret)
    return account


@pytest.fixture
def account(iam_url, use):
    return new_account(iam_url, use)


def journey(account):
    """Every command, with a change of each kind of resource on the way."""
    zone = account.root("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    row = ApiGateway.objects.create(
        api_name="chat",
        target_base_endpoint="https://www.example.com/ws/",
        two_way_replies=True,
        domain_name="ws.example.com",
        certificate_arn=CERTIFICATE,
        hosted_zone_id=zone.split("/")[-1],
        manage_dns_record=True,
        tags={"team": "web"},
    )
    row.additional_routes.create(name="orders", route_key="orders", integration_url="https://a.example.com/ws")
    run("createApiGateway", pk=[row.pk])
    run("createCustomDomain", pk=[row.pk])
    ApiGateway.objects.filter(pk=row.pk).update(
        api_description="talk",
        two_way_replies=False,
        stage_description="one",
        api_mapping_key="chat",
        certificate_arn=CERTIFICATE.replace("1234-1234", "4321-4321"),
        tags={"owner": "me"},
    )
    row.additional_routes.all()._raw_delete("default")
    run("updateApiGateway", pk=[row.pk])
    run("planApiGateway", pk=[row.pk])
    run("importApiGateway", pk=[row.pk])
    run("exportApiGateway", pk=[row.pk])
    described = ApiGateway.objects.filter(pk=row.pk).values().get()
    row.delete()
    run("importApiGateway", api_id=described["api_id"])
    ApiGateway.objects.all().delete()
    row = ApiGateway.objects.create(**described)
    run("deleteApiGateway", pk=[row.pk], interactive=False)


def test_with_the_generated_policy_every_command_runs(account, db):
    account.may(policy())
    journey(account)
    assert account.root("apigatewayv2").get_apis()["Items"] == []


#: What AWS asks for where tags are sent with a creation, and ministack does not.
UNCHECKED = {"apigateway:TagResource"}


#: Every action of the policy that can be checked here.
ACTIONS = [
    "apigateway:DELETE",
    "apigateway:GET",
    "apigateway:PATCH",
    "apigateway:POST",
    "route53:ChangeResourceRecordSets",
    "route53:ListResourceRecordSets",
]


@pytest.mark.parametrize("action", ACTIONS)
def test_without_any_one_action_a_command_fails_and_names_it(account, db, action):
    document = policy()
    document["Statement"] = [one for one in document["Statement"] if action not in one["Action"]]
    account.may(document)
    with pytest.raises(CommandError, match=f"lack the IAM action {action}"):
        journey(account)


def test_these_are_all_the_actions_there_are():
    assert {action for one in policy()["Statement"] for action in one["Action"]} == {*ACTIONS, *UNCHECKED}


@pytest.mark.slow
def test_with_any_one_resource_taken_out_a_command_fails(account, db, use):
    """The policy names no path that the commands can do without."""
    whole = policy()
    for number, statement in enumerate(whole["Statement"]):
        if set(statement["Action"]) <= UNCHECKED:
            continue
        for resource in statement["Resource"]:
            document = json.loads(json.dumps(whole))
            document["Statement"][number]["Resource"].remove(resource)
            document["Statement"] = [one for one in document["Statement"] if one["Resource"]]
            without = new_account(account.url, use)
            without.may(document)
            with pytest.raises(CommandError, match="lack the IAM action"):
                journey(without)


def test_a_narrowed_policy_updates_and_deletes_only_its_gateway(account, db, use):
    account.may(policy())
    rows = [
        ApiGateway.objects.create(api_name=name, target_base_endpoint="https://www.example.com/ws/")
        for name in ("mine", "other")
    ]
    for row in rows:
        run("createApiGateway", pk=[row.pk])
    account.may(policy(pk=[rows[0].pk]))
    ApiGateway.objects.update(api_description="changed", tags={"team": "web"}, integration_timeout=1000)
    run("updateApiGateway", pk=[rows[0].pk])
    with pytest.raises(CommandError, match="lack the IAM action apigateway:GET"):
        run("updateApiGateway", pk=[rows[1].pk])
    run("deleteApiGateway", pk=[rows[0].pk], interactive=False)


@pytest.fixture
def mapped(account, db):
    """A gateway with a domain and its record, and the ids of two hosted zones."""
    account.may(policy())
    create = account.root("route53").create_hosted_zone
    zones = [
        create(Name=name, CallerReference=name)["HostedZone"]["Id"].split("/")[-1]
        for name in ("example.com", "example.org")
    ]
    row = ApiGateway.objects.create(
        api_name="chat",
        target_base_endpoint="https://www.example.com/ws/",
        domain_name="ws.example.com",
        certificate_arn=CERTIFICATE,
        hosted_zone_id=zones[0],
        manage_dns_record=True,
    )
    run("createApiGateway", pk=[row.pk])
    run("createCustomDomain", pk=[row.pk])
    return row, zones


@pytest.mark.parametrize("name, zone", [("ws.example.com", 0), ("", 0), ("live.example.com", 0), ("ws.example.org", 1)])
def test_a_narrowed_policy_can_tag_drop_and_rename_its_domain(account, mapped, name, zone):
    row, zones = mapped
    ApiGateway.objects.update(domain_name=name, hosted_zone_id=zones[zone], manage_dns_record=bool(name))
    ApiGateway.objects.update(tags={"team": "web"})
    account.may(policy(pk=[row.pk]))
    run("createCustomDomain" if name else "updateApiGateway", pk=[row.pk])
    domains = account.root("apigatewayv2").get_domain_names()["Items"]
    assert [one["DomainName"] for one in domains] == ([name] if name else [])
    run("deleteApiGateway", pk=[row.pk], interactive=False)


def test_a_narrowed_policy_can_import_the_mapped_domain(account, mapped):
    row, _ = mapped
    ApiGateway.objects.update(
        domain_name="", api_gateway_domain_name="", custom_domain_created=False, mapped_domain_name=""
    )
    account.may(policy(pk=[row.pk]))
    run("importApiGateway", pk=[row.pk])
    row.refresh_from_db()
    assert row.domain_name == "ws.example.com"


def test_sending_needs_one_action_on_the_stages_connections(gateway):
    [statement] = policy(pk=[gateway.pk], purpose="sending")["Statement"]
    assert statement["Action"] == ["execute-api:ManageConnections"]
    assert statement["Resource"][0] == ("arn:aws:execute-api:eu-west-1:*:a1b2c3d4e5/production/POST/@connections/*")


@pytest.mark.parametrize("name", ["*.example.com", "*.ws.example.com"])
def test_the_policy_of_a_wildcard_domain_covers_no_other(gateway, name):
    ApiGateway.objects.update(domain_name=name, mapped_domain_name=name)
    document = policy(pk=[gateway.pk])
    covered = name.replace("*", "pay")
    for statement in document["Statement"]:
        if statement["Action"] == ["apigateway:GET"]:
            continue
        for resource in statement["Resource"]:
            # As IAM reads it: ${*} is an asterisk, and any other one is a wildcard.
            pattern = re.escape(resource).replace(re.escape("${*}"), "ASTERISK").replace(re.escape("*"), ".*")
            assert not re.fullmatch(pattern, f"arn:aws:apigateway:eu-west-1::/domainnames/{covered}")
    deleting = next(one for one in document["Statement"] if one["Action"] == ["apigateway:DELETE"])
    assert f"arn:aws:apigateway:eu-west-1::/domainnames/{name.replace('*', '${*}')}" in deleting["Resource"]


@pytest.mark.parametrize("stage", ["*", "prod*", "?"])
def test_the_policy_for_sending_covers_one_stage(gateway, stage):
    ApiGateway.objects.update(stage_name=stage)
    [statement] = policy(pk=[gateway.pk], purpose="sending")["Statement"]
    assert all(f"/{stage}/" not in resource for resource in statement["Resource"])
