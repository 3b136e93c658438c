"""The exported template describes the API of the definition, field by field, and cfn-lint finds nothing in it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from django_aws_api_gateway_websockets.definition import OWNER_TAG, SECRET_PARAMETER
from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.properties import flat
from django_aws_api_gateway_websockets.provisioning import resources as r
from django_aws_api_gateway_websockets.security.gateway_secret import gateway_secret

from . import standins
from .test_lifecycle import CERTIFICATE


@pytest.fixture
def full(db, example_hosts):
    """Every field has a value of its own."""
    row = ApiGateway.objects.create(
        api_name="chat",
        api_description="talk",
        target_base_endpoint="https://www.example.com/ws/",
        stage_name="live",
        stage_description="the one",
        stage_variables={"version": "2"},
        throttling_rate=50,
        throttling_burst=20,
        access_log_destination="arn:aws:logs:us-east-1:123456789012:log-group:chat",
        access_log_format="$context.requestId",
        logging_level="ERROR",
        data_trace=True,
        detailed_metrics=True,
        client_certificate_id="abc123",
        tags={"team": "web"},
        two_way_replies=True,
        integration_timeout=5000,
        disable_execute_api_endpoint=True,
        ip_address_type="dualstack",
        domain_name="ws.example.com",
        certificate_arn=CERTIFICATE,
        api_mapping_key="chat",
        hosted_zone_id="Z0123456789ABC",
        manage_dns_record=True,
        api_id="a1b2c3d4e5",
    )
    for key in ("x", "x-x2", "x!", "🎉"):
        row.additional_routes.create(name=key, route_key=key, integration_url="https://orders.example.com/ws")
    return row


def export(row):
    out = io.StringIO()
    call_command("exportApiGateway", pk=[row.pk], format="cloudformation", with_domain=True, stdout=out)
    return out.getvalue()


def lint(text, tmp_path):
    path = tmp_path / "template.json"
    path.write_text(text)
    command = [
        str(Path(sys.executable).with_name("cfn-lint")),
        "--regions",
        "us-east-1",
        "--include-checks",
        "I",
        "--",
        str(path),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


needs_cfn_lint = pytest.mark.skipif(sys.version_info < (3, 9), reason="needs Python 3.9, as cfn-lint does")
needs_ministack = pytest.mark.skipif(not standins.HAS_MINISTACK, reason="needs Python 3.10, as ministack does")


@needs_cfn_lint
@pytest.mark.once
def test_cfn_lint_finds_nothing(full, row, tmp_path):
    for one in (full, row):
        linted = lint(export(one), tmp_path)
        assert (linted.stdout, linted.returncode) == ("", 0)


@needs_cfn_lint
@pytest.mark.once
def test_cfn_lint_would_find_a_mistake(full, tmp_path):
    broken = json.loads(export(full))
    broken["Resources"]["Stage"]["Properties"]["Loud"] = "yes"
    assert "Loud" in lint(json.dumps(broken, ensure_ascii=False), tmp_path).stdout


def test_the_secret_is_a_parameter_that_is_not_echoed(full):
    text = export(full)
    assert gateway_secret(full.api_id) not in text
    assert json.loads(text)["Parameters"]["GatewaySecret"]["NoEcho"] is True


def test_the_template_matches_the_definition_field_by_field(full):
    definition = full.definition(with_domain=True)
    wanted = {one.name: dict(one.properties) for one in r.wanted(definition, "API")}
    found = as_resources(json.loads(export(full))["Resources"])
    for kind, key in wanted:
        if kind == r.INTEGRATION:
            wanted[kind, key]["RequestParameters." + SECRET_PARAMETER] = "'${GatewaySecret}'"
        if kind == r.STAGE:
            wanted[kind, key]["DeploymentId"] = "Deployment"
    [deployment] = [name for name in wanted if name[0] == r.DEPLOYMENT]
    wanted[r.DEPLOYMENT, "Deployment"] = wanted.pop(deployment)
    assert found == wanted


def as_resources(template):
    """The template's resources in the form that plans compare: the other way round than the export goes."""
    found, route_of = {}, {}
    for name, one in template.items():
        if one["Type"].endswith("::Route"):
            integration = one["Properties"]["Target"]["Fn::Sub"][len("integrations/${") : -1]
            route_of[integration] = route_of[name] = one["Properties"]["RouteKey"]
    for name, one in template.items():
        values, kind = one["Properties"], one["Type"].rpartition("::")[2]
        for resource in _read(kind, name, values, route_of):
            found[resource.name] = dict(resource.properties)
    return found


def _read(kind, name, values, route_of):
    if kind == "Api":
        plain = {key: value for key, value in values.items() if key not in ("Tags", "ProtocolType")}
        plain = r.TABLES[r.API].observed(plain)
        return [r.Resource(r.API, values["Name"], plain), r.Resource(r.API_TAGS, values["Name"], values["Tags"])]
    if kind == "Integration":
        parameters = {
            key: value["Fn::Sub"] if isinstance(value, dict) else value
            for key, value in values["RequestParameters"].items()
        }
        plain = {key: value for key, value in values.items() if key not in ("ApiId", "RequestParameters")}
        return [r.Resource(r.INTEGRATION, route_of[name], {**plain, **flat("RequestParameters", parameters)})]
    if kind == "Route":
        return [r.Resource(r.ROUTE, values["RouteKey"], {"Integration": values["RouteKey"]})]
    if kind == "RouteResponse":
        return [r.Resource(r.ROUTE_RESPONSE, route_of[values["RouteId"]["Ref"]])]
    if kind == "Deployment":
        return [r.Resource(r.DEPLOYMENT, name)]
    if kind == "Stage":
        plain = {key: values[key] for key in ("Description", "ClientCertificateId")}
        for group in ("DefaultRouteSettings", "AccessLogSettings", "StageVariables"):
            plain.update(flat(group, values[group]))
        plain["DeploymentId"] = values["DeploymentId"]["Ref"]
        return [
            r.Resource(r.STAGE, values["StageName"], plain),
            r.Resource(r.STAGE_TAGS, values["StageName"], values["Tags"]),
        ]
    if kind == "DomainName":
        [one] = values["DomainNameConfigurations"]
        plain = dict(one)
        return [
            r.Resource(r.DOMAIN, values["DomainName"], plain),
            r.Resource(r.DOMAIN_TAGS, values["DomainName"], values["Tags"]),
        ]
    if kind == "ApiMapping":
        plain = {"ApiId": "API", "Stage": "live", "ApiMappingKey": values["ApiMappingKey"]}
        return [r.Resource(r.MAPPING, "ws.example.com", plain)]
    assert kind == "RecordSet"
    return [r.Resource(r.RECORD, values["Name"], {"HostedZoneId": values["HostedZoneId"]})]


@needs_ministack
def test_after_cloudformation_only_secret_and_deployment_differ(use, ministack_aws, row):
    """Left to the first update: the secret follows from the API's id, which a template cannot know."""
    row.additional_routes.create(name="orders", route_key="orders", integration_url="https://a.example.com/ws")
    text = json.loads(export(row))
    # ministack's CloudFormation has no AWS::ApiGatewayV2::Deployment.
    del text["Resources"]["Deployment"], text["Resources"]["Stage"]["Properties"]["DeploymentId"]
    stacks = standins.client(ministack_aws.url, "cloudformation")
    stacks.create_stack(
        StackName="chat",
        TemplateBody=json.dumps(text),
        Parameters=[{"ParameterKey": "GatewaySecret", "ParameterValue": "x" * 32}],
    )
    stacks.get_waiter("stack_create_complete").wait(StackName="chat", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    left = {(step.resource.kind, change.name) for step in row.plan() for change in step.changes}
    assert left == {
        # ministack's CloudFormation keeps tags where its own GetTags does not look.
        ("tags of the API", OWNER_TAG),
        ("tags of the stage", OWNER_TAG),
        ("integration", "RequestParameters." + SECRET_PARAMETER),
        ("stage", "DeploymentId"),
    }
    row.create_gateway()
    assert len(ministack_aws.apis()) == 1
    assert row.plan().steps == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_description", "{{resolve:secretsmanager:prod/db:SecretString:password}}"),
        ("stage_description", "see {{resolve:ssm:/prod/key:1}} there"),
        ("tags", {"team": "{{resolve:ssm-secure:key}}"}),
        ("tags", {"{{resolve:ssm:key}}": "web"}),
        ("access_log_format", "{{ RESOLVE : secretsmanager:x}}"),
        ("stage_variables", {"v": "{{resolve:ssm:key}}"}),
    ],
)
def test_a_dynamic_reference_is_refused(full, field, value):
    ApiGateway.objects.update(**{field: value})
    with pytest.raises(CommandError, match=r"dynamic reference in Resources\.(Api|Stage)\.Properties"):
        export(full)


def test_no_text_of_a_row_is_inside_of_fn_sub(full):
    """CloudFormation replaces ${…} there, and nowhere else."""
    ApiGateway.objects.update(api_description="${AWS::AccountId}", stage_description="${Api}")
    full.additional_routes.update(integration_url="https://orders.example.com/${stageVariables.v}")
    found = re.findall(r'"Fn::Sub": "(.*?)"', export(full))
    assert {one for one in found if not re.fullmatch(r"('\$\{GatewaySecret\}'|integrations/\$\{\w+\})", one)} == set()


@pytest.mark.parametrize("char", ["\x1b", "\x9b", "\u202e", "\x7f"])
def test_an_export_shows_no_character_that_a_terminal_obeys(full, char):
    ApiGateway.objects.update(api_description=f"a{char}b🎉")
    text = export(full)
    assert char not in text
    assert "🎉" in text
    assert json.loads(text)["Resources"]["Api"]["Properties"]["Description"] == f"a{char}b🎉"
