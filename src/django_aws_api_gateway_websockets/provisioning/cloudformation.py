"""A definition as a CloudFormation template. The secret is a parameter of the stack, never part of the template."""

from __future__ import annotations

import itertools
import re
from typing import Any, Mapping

from .. import protocol
from ..definition import SECRET_PARAMETER, ApiDefinition, DomainDefinition, RouteDefinition, StageDefinition
from . import resources as r

SECRET = "GatewaySecret"  # noqa: S105  the name of a parameter
_REF_API = {"Ref": "Api"}


def template(definition: ApiDefinition) -> dict[str, Any]:
    """The template that makes the API of ``definition``, and its custom domain if it has one."""
    names = logical_names(definition.routes)
    resources: dict[str, Any] = {"Api": _resource("Api", _api(definition))}
    for route in definition.routes:
        resources.update(_route(route, names[route.route_key]))
    resources["Deployment"] = {**_resource("Deployment", {"ApiId": _REF_API}), "DependsOn": _deployed(resources)}
    resources["Stage"] = _resource("Stage", _stage(definition.stage, definition.tags))
    if definition.domain:
        resources.update(_domain(definition.domain, definition.tags))
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The WebSocket API {definition.name}",
        "Parameters": {
            SECRET: {
                "Type": "String",
                "NoEcho": True,
                "Description": "What proves to the site that a request came from this gateway; letters and digits",
                "AllowedPattern": "[A-Za-z0-9]{16,128}",
            }
        },
        "Resources": resources,
        "Outputs": {
            "ApiId": {"Value": _REF_API},
            "ApiEndpoint": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}},
        },
    }


def logical_names(routes: tuple[RouteDefinition, ...]) -> dict[str, str]:
    """A name of letters and digits for each route key, none twice."""
    names: dict[str, str] = {}
    for route in routes:
        plain = "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", route.route_key)) or "Route"
        numbered = (f"{plain}X{number}" for number in itertools.count(2))
        names[route.route_key] = next(name for name in itertools.chain([plain], numbered) if name not in names.values())
    return names


def _resource(kind: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": dict(properties)}


def _deployed(resources: Mapping[str, Any]) -> list[str]:
    return [name for name in resources if name != "Api"]


def _api(definition: ApiDefinition) -> dict[str, Any]:
    properties = {name: value for name, value in r.api(definition).properties.items() if value != ""}
    return {**properties, "ProtocolType": "WEBSOCKET", "Tags": dict(definition.tags)}


def _route(route: RouteDefinition, name: str) -> dict[str, Any]:
    integration = f"{name}Integration"
    parameters: dict[str, Any] = dict(route.request_parameters)
    parameters[SECRET_PARAMETER] = {"Fn::Sub": f"'${{{SECRET}}}'"}
    properties: dict[str, Any] = {
        "ApiId": _REF_API,
        "RouteKey": route.route_key,
        "Target": {"Fn::Sub": f"integrations/${{{integration}}}"},
    }
    resources = {
        integration: _resource(
            "Integration",
            {
                "ApiId": _REF_API,
                "IntegrationType": "HTTP_PROXY",
                "IntegrationMethod": "POST",
                "IntegrationUri": route.integration_uri,
                "TimeoutInMillis": route.timeout_millis,
                "RequestParameters": parameters,
            },
        ),
        f"{name}Route": _resource("Route", properties),
    }
    if route.two_way and route.route_key not in (protocol.CONNECT, protocol.DISCONNECT):
        properties["RouteResponseSelectionExpression"] = "$default"
        resources[f"{name}Route"] = _resource("Route", properties)
        response = {"ApiId": _REF_API, "RouteId": {"Ref": f"{name}Route"}, "RouteResponseKey": "$default"}
        resources[f"{name}Response"] = _resource("RouteResponse", response)
    return resources


def _stage(stage: StageDefinition, tags: Mapping[str, str]) -> dict[str, Any]:
    flat = r.stage(stage)
    settings = r.nested(flat, "DefaultRouteSettings")
    properties: dict[str, Any] = {
        "ApiId": _REF_API,
        "StageName": stage.name,
        "DeploymentId": {"Ref": "Deployment"},
        "DefaultRouteSettings": {name: value for name, value in settings.items() if value is not None},
        "Tags": dict(tags),
    }
    optional = {
        "Description": stage.description,
        "ClientCertificateId": stage.client_certificate_id,
        "StageVariables": dict(stage.variables),
        "AccessLogSettings": {n: v for n, v in r.nested(flat, "AccessLogSettings").items() if v},
    }
    return {**properties, **{name: value for name, value in optional.items() if value}}


def _domain(domain: DomainDefinition, tags: Mapping[str, str]) -> dict[str, Any]:
    configuration = {
        "CertificateArn": domain.certificate_arn,
        "EndpointType": "REGIONAL",
        "SecurityPolicy": "TLS_1_2",
    }
    mapping: dict[str, Any] = {"ApiId": _REF_API, "DomainName": {"Ref": "Domain"}, "Stage": {"Ref": "Stage"}}
    if domain.mapping_key:
        mapping["ApiMappingKey"] = domain.mapping_key
    resources = {
        "Domain": _resource(
            "DomainName",
            {"DomainName": domain.name, "DomainNameConfigurations": [configuration], "Tags": dict(tags)},
        ),
        "Mapping": _resource("ApiMapping", mapping),
    }
    if domain.hosted_zone_id:
        resources["DnsRecord"] = _record(domain)
    return resources


def _record(domain: DomainDefinition) -> dict[str, Any]:
    return {
        "Type": "AWS::Route53::RecordSet",
        "Properties": {
            "HostedZoneId": domain.hosted_zone_id,
            "Name": domain.name,
            "Type": "A",
            "AliasTarget": {
                "DNSName": {"Fn::GetAtt": ["Domain", "RegionalDomainName"]},
                "HostedZoneId": {"Fn::GetAtt": ["Domain", "RegionalHostedZoneId"]},
            },
        },
    }
