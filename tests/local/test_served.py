"""Members of the service model that the local gateway does not serve: it refuses them instead of ignoring them."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from botocore.exceptions import ClientError

from django_aws_api_gateway_websockets.local import served
from django_aws_api_gateway_websockets.local.control_plane import KINDS

from .conftest import Api
from .test_control_plane import refused

UNSERVED_INTEGRATION = {
    "ConnectionType": "VPC_LINK",
    "ConnectionId": "abc123",
    "CredentialsArn": "arn:aws:iam::1:role/r",
    "ContentHandlingStrategy": "CONVERT_TO_TEXT",
    "IntegrationSubtype": "SQS-SendMessage",
    "PassthroughBehavior": "NEVER",
    "RequestTemplates": {"$default": "{}"},
    "ResponseParameters": {"200": {"overwrite:statuscode": "201"}},
    "TemplateSelectionExpression": "$request.body.kind",
    "TlsConfig": {"ServerNameToVerify": "example.com"},
    "IntegrationType": "HTTP",
}
UNSERVED_ROUTE = {
    "ApiKeyRequired": True,
    "AuthorizationScopes": ["scope"],
    "AuthorizationType": "AWS_IAM",
    "AuthorizerId": "abc123",
    "ModelSelectionExpression": "$request.body.kind",
    "RequestModels": {"$default": "model"},
    "RequestParameters": {"route.request.querystring.token": {"Required": True}},
    "RouteResponseSelectionExpression": "$never",
}


def integration(**more: Any) -> Dict[str, Any]:
    plain = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "POST", "IntegrationUri": "http://127.0.0.1/"}
    return {**plain, **more}


@pytest.mark.parametrize("member", UNSERVED_INTEGRATION)
def test_unserved_integration_members_are_refused(api: Api, member: str) -> None:
    ids, value = {"ApiId": api.api_id}, {member: UNSERVED_INTEGRATION[member]}
    said = refused("BadRequestException", api.control.create_integration, **ids, **integration(**value))
    assert member in said or "HTTP_PROXY and MOCK" in said
    assert "local gateway" in said
    made = {**ids, "IntegrationId": api.integration("/default")}
    before = _settings(api.control.get_integration(**made))
    refused("BadRequestException", api.control.update_integration, **made, **value)
    assert _settings(api.control.get_integration(**made)) == before


def _settings(answer: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY", "HTTP"])
def test_other_integration_types_are_refused(api: Api, kind: str) -> None:
    said = refused(
        "BadRequestException", api.control.create_integration, ApiId=api.api_id, **integration(IntegrationType=kind)
    )
    assert kind in said


@pytest.mark.parametrize("member", UNSERVED_ROUTE)
def test_unserved_route_members_are_refused(api: Api, member: str) -> None:
    ids, value = {"ApiId": api.api_id}, {member: UNSERVED_ROUTE[member]}
    refused("BadRequestException", api.control.create_route, **ids, RouteKey="chat", **value)
    route = api.route("chat")
    refused("BadRequestException", api.control.update_route, **ids, RouteId=route, **value)


@pytest.mark.parametrize("kind", ["AWS_IAM", "CUSTOM", "JWT"])
def test_no_authorization_of_connect_is_served(api: Api, kind: str) -> None:
    arguments = {"ApiId": api.api_id, "RouteKey": "$connect", "AuthorizationType": kind}
    assert kind in refused("BadRequestException", api.control.create_route, **arguments)


@pytest.mark.parametrize(
    "more",
    [
        {"ModelSelectionExpression": "$default"},
        {"ResponseModels": {"$default": "model"}},
        {"ResponseParameters": {"route.response.header.x": {"Required": True}}},
    ],
)
def test_unserved_route_response_members_are_refused(api: Api, more: Dict[str, Any]) -> None:
    ids = {"ApiId": api.api_id, "RouteId": api.route("chat"), "RouteResponseKey": "$default"}
    refused("BadRequestException", api.control.create_route_response, **ids, **more)


@pytest.mark.parametrize(
    "more",
    [
        {"ContentHandlingStrategy": "CONVERT_TO_BINARY"},
        {"ResponseParameters": {"integration.response.header.x": "'a'"}},
        {"TemplateSelectionExpression": "$integration.response.body.kind"},
        {"ResponseTemplates": {"$default": "{}"}},  # of an HTTP_PROXY integration
        {"IntegrationResponseKey": r"/4\d\d/"},
    ],
)
def test_unserved_integration_responses_are_refused(api: Api, more: Dict[str, Any]) -> None:
    arguments = {"ApiId": api.api_id, "IntegrationId": api.integration("/"), "IntegrationResponseKey": "$default"}
    refused("BadRequestException", api.control.create_integration_response, **{**arguments, **more})


@pytest.mark.parametrize(
    "template", ['{"statusCode": $input.json("$.code")}', "#set($x = 1){}", "${context.requestId}", "$!context.stage"]
)
def test_templates_that_need_evaluation_are_refused(api: Api, template: str) -> None:
    create = api.control.create_integration
    arguments = {"ApiId": api.api_id, "IntegrationType": "MOCK"}
    refused("BadRequestException", create, **arguments, RequestTemplates={"$default": template})
    mock = create(**arguments, RequestTemplates={"$default": '{"statusCode": 200}'})["IntegrationId"]
    refused(
        "BadRequestException",
        api.control.create_integration_response,
        ApiId=api.api_id,
        IntegrationId=mock,
        IntegrationResponseKey="$default",
        ResponseTemplates={"$default": template},
    )


@pytest.mark.parametrize(
    "more",
    [
        {"MutualTlsAuthentication": {"TruststoreUri": "s3://bucket/store.pem"}},
        {"RoutingMode": "ROUTING_RULE_ONLY"},
        {"RoutingMode": "ROUTING_RULE_THEN_API_MAPPING"},
        {"DomainNameConfigurations": [{"EndpointType": "EDGE"}]},
    ],
)
def test_unserved_domain_names_are_refused(control: Any, more: Dict[str, Any]) -> None:
    if not set(more) <= set(control.meta.service_model.operation_model("CreateDomainName").input_shape.members):
        pytest.skip("needs Python with a botocore that knows RoutingMode")
    refused("BadRequestException", control.create_domain_name, DomainName="refused.example.com", **more)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("Target", "https://example.com"),
        ("RouteKey", "$default"),
        ("CredentialsArn", "arn:aws:iam::1:role/r"),
        ("CorsConfiguration", {"AllowOrigins": ["*"]}),
    ],
)
def test_unserved_api_members_are_refused(control: Any, member: str, value: Any) -> None:
    arguments = {"Name": "n", "ProtocolType": "WEBSOCKET", member: value}
    assert member in refused("BadRequestException", control.create_api, **arguments)


def test_empty_values_of_unserved_members_are_taken(api: Api) -> None:
    """An update clears members by empty values, and AWS's own answers hold some."""
    made = api.integration("/default")
    api.control.update_integration(ApiId=api.api_id, IntegrationId=made, CredentialsArn="", RequestTemplates={})
    api.control.create_route(ApiId=api.api_id, RouteKey="x", ApiKeyRequired=False, AuthorizationType="NONE")


def test_an_unknown_member_of_a_newer_model_is_refused() -> None:
    for kind in KINDS:
        with pytest.raises(served.BadRequest, match="AddedByAws"):
            served.check_served(kind.name, {"AddedByAws": "x"})


def test_authorizers_models_and_vpc_links_are_not_served(api: Api) -> None:
    control = api.control
    for call, arguments in (
        (control.create_authorizer, {"AuthorizerType": "REQUEST", "IdentitySource": ["x"], "Name": "n"}),
        (control.create_model, {"Name": "n", "Schema": "{}"}),
        (control.get_models, {}),
    ):
        with pytest.raises(ClientError, match="does not serve") as caught:
            call(ApiId=api.api_id, **arguments)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    with pytest.raises(ClientError, match="CreateVpcLink"):
        control.create_vpc_link(Name="n", SubnetIds=["s"])
