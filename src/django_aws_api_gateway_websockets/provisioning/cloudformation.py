"""Write a definition as a CloudFormation template.

The secret is a parameter of the stack, not part of the template.
"""

from __future__ import annotations

import itertools
import re
from typing import Any, Mapping

from ..definition import SECRET_PARAMETER, ApiDefinition, DomainDefinition, RouteDefinition, StageDefinition
from ..exceptions import InvalidGateway
from ..properties import API, DOMAIN, INTEGRATION, STAGE
from . import resources as r

SECRET = "GatewaySecret"  # noqa: S105  the name of a parameter
_REF_API = {"Ref": "Api"}
# CloudFormation replaces it anywhere in a template, and has no way to escape it.
_DYNAMIC_REFERENCE = re.compile(r"\{\{\s*resolve\s*:", re.IGNORECASE)


def template(definition: ApiDefinition) -> dict[str, Any]:
    """Return the template that creates the API of ``definition``, with its custom domain if it has one.

    Raise ``InvalidGateway`` if CloudFormation would replace a part of a value.
    """
    names = logical_names(definition.routes)
    resources: dict[str, Any] = {"Api": _resource("Api", _api(definition))}
    for route in definition.routes:
        resources.update(_route(route, names[route.route_key]))
    resources["Deployment"] = {**_resource("Deployment", {"ApiId": _REF_API}), "DependsOn": _deployed(resources)}
    resources["Stage"] = _resource("Stage", _stage(definition.stage, definition.tags))
    if definition.domain:
        resources.update(_domain(definition.domain, definition.tags))
    found = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The WebSocket API {definition.name}",
        "Parameters": {
            SECRET: {
                "Type": "String",
                "NoEcho": True,
                "Description": "Proves to the site that a request came from this gateway; letters and digits",
                "AllowedPattern": "[A-Za-z0-9]{16,128}",
            }
        },
        "Resources": resources,
        "Outputs": {
            "ApiId": {"Value": _REF_API},
            "ApiEndpoint": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}},
        },
    }
    _check_references(found, "")
    return found


def _check_references(part: Any, path: str) -> None:
    """Refuse dynamic references, because the stack would replace them with a secret of the account.

    ``${…}`` needs no check. CloudFormation only replaces it inside Fn::Sub, which contains no text from a row.
    """
    if isinstance(part, Mapping):
        for name, value in part.items():
            _check_references(name, path)
            _check_references(value, f"{path}.{name}" if path else name)
    elif isinstance(part, (list, tuple)):
        for value in part:
            _check_references(value, path)
    elif isinstance(part, str) and _DYNAMIC_REFERENCE.search(part):
        text = (
            f"The template would hold a dynamic reference in {path}. CloudFormation would replace it with a secret or "
            "a parameter of the account. Remove “{{resolve:” from the row."
        )
        raise InvalidGateway(text, {path: [text]})


def logical_names(routes: tuple[RouteDefinition, ...]) -> dict[str, str]:
    """Return a unique name of letters and digits for each route key."""
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
    return {**API.created(definition.properties), "ProtocolType": "WEBSOCKET", "Tags": dict(definition.tags)}


def _route(route: RouteDefinition, name: str) -> dict[str, Any]:
    integration = f"{name}Integration"
    parameters = INTEGRATION.created(r.integration(route).properties)
    parameters["RequestParameters"][SECRET_PARAMETER] = {"Fn::Sub": f"'${{{SECRET}}}'"}
    properties: dict[str, Any] = {
        "ApiId": _REF_API,
        "RouteKey": route.route_key,
        "Target": {"Fn::Sub": f"integrations/${{{integration}}}"},
    }
    resources = {integration: _resource("Integration", {"ApiId": _REF_API, **parameters})}
    if r.has_response(route):
        properties["RouteResponseSelectionExpression"] = "$default"
        response = {"ApiId": _REF_API, "RouteId": {"Ref": f"{name}Route"}, "RouteResponseKey": "$default"}
        resources[f"{name}Response"] = _resource("RouteResponse", response)
    return {**resources, f"{name}Route": _resource("Route", properties)}


def _stage(stage: StageDefinition, tags: Mapping[str, str]) -> dict[str, Any]:
    return {
        "ApiId": _REF_API,
        "StageName": stage.name,
        "DeploymentId": {"Ref": "Deployment"},
        "Tags": dict(tags),
        **STAGE.created(stage.properties),
    }


def _domain(domain: DomainDefinition, tags: Mapping[str, str]) -> dict[str, Any]:
    configuration = DOMAIN.created(domain.properties)
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
