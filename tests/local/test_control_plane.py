"""boto3 against the control plane, over HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from django_aws_api_gateway_websockets.local.server import LocalGateway
from django_aws_api_gateway_websockets.local.store import StateFileError

from .conftest import Api, client


def refused(code: str, call: Any, **arguments: Any) -> str:
    """Assert that ``call`` fails with this code and its status. Return the message."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    statuses = {"BadRequestException": 400, "NotFoundException": 404, "ConflictException": 409}
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == statuses[code]
    return answer["Error"]["Message"]


def test_an_api_comes_with_the_defaults_that_aws_fills_in(shared_gateway: LocalGateway, control: Any) -> None:
    api = control.create_api(Name="defaults", ProtocolType="WEBSOCKET", Tags={"a": "b"})
    assert api["ApiEndpoint"] == f"ws://127.0.0.1:{shared_gateway.port}/{api['ApiId']}"
    assert api["RouteSelectionExpression"] == "$request.body.action"
    assert api["ApiKeySelectionExpression"] == "$request.header.x-api-key"
    assert api["Tags"] == {"a": "b"}
    assert control.get_api(ApiId=api["ApiId"])["CreatedDate"] == api["CreatedDate"]


def test_every_resource_is_created_read_updated_and_deleted(api: Api) -> None:
    control, ids = api.control, {"ApiId": api.api_id}
    integration = api.integration("/default")
    route = control.create_route(**ids, RouteKey="$default", Target=f"integrations/{integration}")["RouteId"]
    reply = control.create_route_response(**ids, RouteId=route, RouteResponseKey="$default")["RouteResponseId"]
    response = control.create_integration_response(**ids, IntegrationId=integration, IntegrationResponseKey="$default")[
        "IntegrationResponseId"
    ]
    deployment = control.create_deployment(**ids, Description="first")["DeploymentId"]

    control.update_api(**ids, Name="renamed")
    control.update_route(**ids, RouteId=route, OperationName="op")
    control.update_integration(**ids, IntegrationId=integration, TimeoutInMillis=50)
    control.update_stage(**ids, StageName="test", DeploymentId=deployment, Description="live")
    control.update_deployment(**ids, DeploymentId=deployment, Description="second")

    assert control.get_api(**ids)["Name"] == "renamed"
    assert control.get_route(**ids, RouteId=route)["OperationName"] == "op"
    shown = control.get_integration(**ids, IntegrationId=integration)
    assert (shown["TimeoutInMillis"], shown["ConnectionType"]) == (50, "INTERNET")
    assert control.get_stage(**ids, StageName="test")["DeploymentId"] == deployment
    assert control.get_deployment(**ids, DeploymentId=deployment)["Description"] == "second"
    assert control.get_route_responses(**ids, RouteId=route)["Items"][0]["RouteResponseId"] == reply
    found = control.get_integration_responses(**ids, IntegrationId=integration)["Items"]
    assert [item["IntegrationResponseId"] for item in found] == [response]

    control.delete_stage(**ids, StageName="test")
    control.delete_deployment(**ids, DeploymentId=deployment)
    control.delete_route(**ids, RouteId=route)
    control.delete_integration(**ids, IntegrationId=integration)
    assert control.get_routes(**ids)["Items"] == control.get_integrations(**ids)["Items"] == []
    control.delete_api(**ids)
    refused("NotFoundException", control.get_api, **ids)
    refused("NotFoundException", control.get_routes, **ids)


def test_domain_names_and_mappings(api: Api) -> None:
    control, name = api.control, "ws.example.com"
    created = control.create_domain_name(
        DomainName=name, DomainNameConfigurations=[{"CertificateArn": "arn:aws:acm:x:1:certificate/y"}]
    )
    configuration = created["DomainNameConfigurations"][0]
    assert configuration["ApiGatewayDomainName"].startswith("d-")
    assert configuration["DomainNameStatus"] == "AVAILABLE"
    refused("ConflictException", control.create_domain_name, DomainName=name)
    mapping = control.create_api_mapping(DomainName=name, ApiId=api.api_id, Stage="test", ApiMappingKey="chat")
    assert control.get_api_mappings(DomainName=name)["Items"][0]["ApiId"] == api.api_id
    refused("BadRequestException", control.delete_api, ApiId=api.api_id)
    refused("BadRequestException", control.delete_stage, ApiId=api.api_id, StageName="test")
    again = {"DomainName": name, "ApiId": api.api_id, "Stage": "test", "ApiMappingKey": "chat"}
    refused("ConflictException", control.create_api_mapping, **again)
    refused("BadRequestException", control.create_api_mapping, **{**again, "Stage": "none", "ApiMappingKey": "x"})
    identifier = {"DomainName": name, "ApiMappingId": mapping["ApiMappingId"]}
    updated = control.update_api_mapping(**identifier, ApiId=api.api_id, ApiMappingKey="other")
    assert updated["ApiMappingKey"] == "other"
    control.delete_api_mapping(**identifier)
    control.delete_domain_name(DomainName=name)
    refused("NotFoundException", control.get_domain_name, DomainName=name)


def test_lists_are_paged(control: Any) -> None:
    api_id = control.create_api(Name="pages", ProtocolType="WEBSOCKET")["ApiId"]
    for number in range(5):
        control.create_route(ApiId=api_id, RouteKey=f"r{number}")
    keys, token, calls = [], {}, 0
    while True:
        page = control.get_routes(ApiId=api_id, MaxResults="2", **token)
        keys += [route["RouteKey"] for route in page["Items"]]
        calls += 1
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert keys == ["r0", "r1", "r2", "r3", "r4"]
    assert calls == 3
    refused("BadRequestException", control.get_routes, ApiId=api_id, NextToken="nonsense")

    # A token stays valid when the items before it are deleted.
    first = control.get_routes(ApiId=api_id, MaxResults="2")
    for route in first["Items"]:
        control.delete_route(ApiId=api_id, RouteId=route["RouteId"])
    second = control.get_routes(ApiId=api_id, MaxResults="2", NextToken=first["NextToken"])
    assert [route["RouteKey"] for route in second["Items"]] == ["r2", "r3"]
    refused("BadRequestException", control.get_routes, ApiId=api_id, MaxResults="none")


def test_tags(api: Api) -> None:
    control = api.control
    for arn in (
        f"arn:aws:apigateway:eu-west-1::/apis/{api.api_id}",
        f"arn:aws:apigateway:x::/apis/{api.api_id}/stages/test",
    ):
        control.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2"})
        control.untag_resource(ResourceArn=arn, TagKeys=["a"])
        assert control.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}
    assert control.get_stage(ApiId=api.api_id, StageName="test")["Tags"] == {"b": "2"}
    refused("NotFoundException", control.get_tags, ResourceArn="arn:aws:apigateway:x::/apis/none")
    refused("BadRequestException", control.get_tags, ResourceArn="arn:aws:apigateway:x::/nothing/none")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("ProtocolType", "HTTP"),
        ("Target", "https://example.com"),
        ("RouteKey", "$default"),
        ("RouteSelectionExpression", "nothing"),
        ("Name", "n" * 129),
    ],
)
def test_apis_that_are_refused(control: Any, member: str, value: str) -> None:
    arguments = {"Name": "n", "ProtocolType": "WEBSOCKET", member: value}
    message = refused("BadRequestException", control.create_api, **arguments)
    assert member in message or "expression" in message


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("IntegrationType", "AWS_PROXY"),
        ("IntegrationUri", "ftp://example.com"),
        ("IntegrationUri", "http://example.com/a b"),
        ("IntegrationUri", "http://example.com/\r\nX-Header: 1"),
        ("IntegrationMethod", ""),
        ("IntegrationMethod", "POST / HTTP/1.1"),
        ("PayloadFormatVersion", "2.0"),
        ("TimeoutInMillis", 29001),
        ("RequestParameters", {"integration.request.header.x": "context.nothing"}),
        ("RequestParameters", {"integration.request.header.x": "unquoted"}),
        ("RequestParameters", {"integration.request.header.x": "'a'b'"}),
        ("RequestParameters", {"header.x": "'a'"}),
        ("ConnectionType", "PIGEON"),
    ],
)
def test_integrations_that_are_refused(api: Api, member: str, value: Any) -> None:
    arguments = {
        "ApiId": api.api_id,
        "IntegrationType": "HTTP_PROXY",
        "IntegrationMethod": "POST",
        "IntegrationUri": "http://127.0.0.1/",
        member: value,
    }
    refused("BadRequestException", api.control.create_integration, **arguments)
    assert api.control.get_integrations(ApiId=api.api_id)["Items"] == []


def test_what_would_break_an_api_is_refused(api: Api) -> None:
    control, ids = api.control, {"ApiId": api.api_id}
    refused("BadRequestException", control.create_deployment, **ids, StageName="test")
    route = api.route("$default")
    target = control.get_route(**ids, RouteId=route)["Target"].split("/")[1]
    refused("ConflictException", control.create_route, **ids, RouteKey="$default")
    refused("BadRequestException", control.create_route, **ids, RouteKey="$other")
    refused("BadRequestException", control.create_route, **ids, RouteKey="x", Target="integrations/none")
    refused("BadRequestException", control.create_route, **ids, RouteKey="x", AuthorizationType="CUSTOM")
    refused("ConflictException", control.delete_integration, **ids, IntegrationId=target)
    refused("ConflictException", control.create_stage, **ids, StageName="test")
    refused("BadRequestException", control.create_stage, **ids, StageName="a b")
    refused("BadRequestException", control.create_stage, **ids, StageName="x", StageVariables={"a": "b c"})
    refused("BadRequestException", control.create_stage, **ids, StageName="x", DeploymentId="none")
    refused("NotFoundException", control.create_deployment, **ids, StageName="none")
    refused("BadRequestException", control.create_route_response, **ids, RouteId=route, RouteResponseKey="x")
    deployment = api.deploy()
    refused("BadRequestException", control.delete_deployment, **ids, DeploymentId=deployment)
    refused("NotFoundException", control.get_route, **ids, RouteId="none")
    refused("NotFoundException", control.update_integration, **ids, IntegrationId="none")
    parameters = {"route.request.querystring.x": {"Required": True}}
    refused("BadRequestException", control.create_route, **ids, RouteKey="x", RequestParameters=parameters)
    for number in range(9):
        control.create_stage(**ids, StageName=f"s{number}")
    refused("BadRequestException", control.create_stage, **ids, StageName="eleventh")


def test_a_refused_deployment_leaves_nothing_behind(api: Api) -> None:
    api.route("$default")
    refused("NotFoundException", api.control.create_deployment, ApiId=api.api_id, StageName="none")
    assert api.control.get_deployments(ApiId=api.api_id)["Items"] == []


def test_an_update_merges_maps_and_removes_empty_keys(api: Api) -> None:
    integration = api.integration("/", parameters={"integration.request.header.a": "'1'"})
    ids = {"ApiId": api.api_id, "IntegrationId": integration}
    changed = {"integration.request.header.a": "", "integration.request.header.b": "'2'"}
    updated = api.control.update_integration(**ids, RequestParameters=changed)
    assert updated["RequestParameters"] == {
        "integration.request.header.connectionId": "context.connectionId",
        "integration.request.header.b": "'2'",
    }


def test_an_operation_that_is_not_served_is_named(control: Any, api: Api) -> None:
    with pytest.raises(ClientError, match="CreateAuthorizer") as caught:
        control.create_authorizer(
            ApiId=api.api_id, AuthorizerType="REQUEST", IdentitySource=["$request.header.x"], Name="n"
        )
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def post(url: str, body: bytes, **headers: str) -> int:
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"1", b'{"name": 1, "protocolType": "WEBSOCKET"}', b'{"name": "n"}', b"[" * 100_000, b"\xff"]
)
def test_a_malformed_body_is_a_bad_request(shared_gateway: LocalGateway, body: bytes) -> None:
    assert post(f"{shared_gateway.url}/v2/apis", body) == 400


def test_a_web_page_cannot_use_the_control_plane(shared_gateway: LocalGateway) -> None:
    body = json.dumps({"name": "n", "protocolType": "WEBSOCKET"}).encode()
    assert post(f"{shared_gateway.url}/v2/apis", body, Origin="https://evil.example") == 403
    assert post(f"{shared_gateway.url}/v2/apis", body) == 201


def test_state_survives_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with LocalGateway(state=state) as gateway:
        control = client("apigatewayv2", gateway.url)
        api_id = control.create_api(Name="kept", ProtocolType="WEBSOCKET")["ApiId"]
        control.create_route(ApiId=api_id, RouteKey="$default")
        control.create_stage(ApiId=api_id, StageName="test")
        control.create_deployment(ApiId=api_id, StageName="test")
    with LocalGateway(state=state) as gateway:
        control = client("apigatewayv2", gateway.url)
        assert control.get_api(ApiId=api_id)["ApiEndpoint"] == f"ws://127.0.0.1:{gateway.port}/{api_id}"
        assert control.get_stage(ApiId=api_id, StageName="test")["DeploymentId"]
        control.delete_api(ApiId=api_id)
    assert list(tmp_path.iterdir()) == [state]
    with LocalGateway(state=state) as gateway:
        assert client("apigatewayv2", gateway.url).get_apis()["Items"] == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 99, "resources": {}}', '{"version": 1, "resources": {"Api": []}}']
)
def test_a_broken_state_file_is_named_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    state = tmp_path / "state.json"
    state.write_text(content)
    with pytest.raises(StateFileError, match=r"state\.json"):
        LocalGateway(state=state)
    assert state.read_text() == content
