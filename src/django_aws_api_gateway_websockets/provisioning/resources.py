"""What an API consists of, in AWS's own words: the same form for what is wanted and for what is there.

``wanted`` writes a definition in this form; ``reading`` writes what AWS answers in it. AWS fills in what a
caller did not send, and takes ``""`` for "remove this key": both are folded here, so that an unchanged
gateway compares equal.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from .. import protocol
from ..definition import DEFAULT_API_KEY_SELECTION, ApiDefinition, RouteDefinition, StageDefinition

# The kinds of resources, in the order in which they are created.
API, API_TAGS = "API", "tags of the API"
INTEGRATION, ROUTE, ROUTE_RESPONSE = "integration", "route", "route response"
#: Settings of one route on the stage: a row has none, so they are only ever removed.
ROUTE_SETTINGS = "stage settings of the route"
DEPLOYMENT, STAGE, STAGE_TAGS = "deployment", "stage", "tags of the stage"
DOMAIN, DOMAIN_TAGS, MAPPING, RECORD = "domain name", "tags of the domain name", "API mapping", "DNS record"
#: They are sent with the creation of what they are on.
TAGS = (API_TAGS, STAGE_TAGS, DOMAIN_TAGS)
#: What takes effect only with a deployment.
DEPLOYED = (INTEGRATION, ROUTE, ROUTE_RESPONSE)
#: What is in order before a deployment is made.
UNTIL_DEPLOYMENT = (API, API_TAGS, ROUTE_SETTINGS, *DEPLOYED)

#: What a stage is limited to where nobody said otherwise: AWS's quota of an account.
ACCOUNT_RATE, ACCOUNT_BURST = 10000.0, 5000

#: How our deployments' descriptions begin; the fingerprint of what they hold follows.
DEPLOYMENT_MARK = "django-websockets "


@dataclass(frozen=True)
class Resource:
    """``key`` is the name that a person knows it by; ``properties`` have AWS's names, maps flattened with dots."""

    kind: str
    key: str
    # Those of an integration hold the secret, so they are not shown.
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    #: AWS's identifier, known for what is there.
    id: str = ""

    @property
    def name(self) -> tuple[str, str]:
        return self.kind, self.key


def wanted(definition: ApiDefinition, api_id: str) -> list[Resource]:
    """The resources that ``definition`` asks for, in the order of their creation."""
    resources = [api(definition), Resource(API_TAGS, definition.name, dict(definition.tags))]
    for route in definition.routes:
        resources += _route(route)
    mark = fingerprint(definition, resources)
    resources.append(Resource(DEPLOYMENT, mark))
    resources.append(Resource(STAGE, definition.stage.name, {**stage(definition.stage), "DeploymentId": mark}))
    resources.append(Resource(STAGE_TAGS, definition.stage.name, dict(definition.tags)))
    return resources + _domain(definition, api_id)


def api(definition: ApiDefinition) -> Resource:
    return Resource(
        API,
        definition.name,
        {
            "Name": definition.name,
            "Description": definition.description,
            "RouteSelectionExpression": definition.route_selection_expression,
            "ApiKeySelectionExpression": definition.api_key_selection_expression or DEFAULT_API_KEY_SELECTION,
            "DisableExecuteApiEndpoint": definition.disable_execute_api_endpoint,
            "IpAddressType": definition.ip_address_type,
        },
    )


def _route(route: RouteDefinition) -> list[Resource]:
    properties = {
        "IntegrationType": "HTTP_PROXY",
        "IntegrationMethod": "POST",
        "IntegrationUri": route.integration_uri,
        "TimeoutInMillis": route.timeout_millis,
        **flat("RequestParameters", route.request_parameters),
    }
    found = [
        Resource(INTEGRATION, route.route_key, properties),
        Resource(ROUTE, route.route_key, {"Integration": route.route_key}),
    ]
    if route.two_way and route.route_key not in (protocol.CONNECT, protocol.DISCONNECT):
        found.append(Resource(ROUTE_RESPONSE, route.route_key))
    return found


def stage(definition: StageDefinition) -> dict[str, Any]:
    return {
        "Description": definition.description,
        "ClientCertificateId": definition.client_certificate_id,
        # What people say to each other is for no log.
        "DefaultRouteSettings.DataTraceEnabled": False,
        "DefaultRouteSettings.DetailedMetricsEnabled": definition.detailed_metrics,
        "DefaultRouteSettings.LoggingLevel": definition.logging_level or "OFF",
        "DefaultRouteSettings.ThrottlingRateLimit": rate_limit(definition.throttling_rate),
        "DefaultRouteSettings.ThrottlingBurstLimit": burst_limit(definition.throttling_burst),
        "AccessLogSettings.DestinationArn": definition.access_log_destination,
        "AccessLogSettings.Format": definition.access_log_format if definition.access_log_destination else "",
        **flat("StageVariables", definition.variables),
    }


def rate_limit(value: float | None) -> float | None:
    """None is the account's limit, and the account's limit is None."""
    return None if value is None or float(value) == ACCOUNT_RATE else float(value)


def burst_limit(value: int | None) -> int | None:
    return None if value is None or int(value) == ACCOUNT_BURST else int(value)


def _domain(definition: ApiDefinition, api_id: str) -> list[Resource]:
    domain = definition.domain
    if domain is None:
        return []
    found = [
        Resource(DOMAIN, domain.name, {"CertificateArn": domain.certificate_arn, "EndpointType": "REGIONAL"}),
        Resource(DOMAIN_TAGS, domain.name, dict(definition.tags)),
        Resource(
            MAPPING,
            domain.name,
            {"ApiId": api_id, "Stage": definition.stage.name, "ApiMappingKey": domain.mapping_key},
        ),
    ]
    if domain.hosted_zone_id:
        found.append(Resource(RECORD, domain.name, {"HostedZoneId": domain.hosted_zone_id}))
    return found


def flat(name: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    """``{"a": 1}`` as ``{"NAME.a": 1}``; a key with an empty value is one that was removed."""
    return {f"{name}.{key}": value for key, value in (values or {}).items() if value != ""}


def nested(properties: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What ``flat`` put under ``name``."""
    return {key[len(name) + 1 :]: value for key, value in properties.items() if key.startswith(name + ".")}


def fingerprint(definition: ApiDefinition, resources: Iterable[Resource]) -> str:
    """A name for what a deployment of ``resources`` serves: equal if, and only if, they are."""
    deployed = [[*one.name, sorted(one.properties.items())] for one in resources if one.kind in DEPLOYED]
    served: list[Any] = [
        definition.route_selection_expression,
        definition.api_key_selection_expression,
        sorted(deployed),
    ]
    if definition.disable_execute_api_endpoint:
        served.append("no execute-api endpoint")
    return hashlib.sha256(json.dumps(served, sort_keys=True).encode()).hexdigest()[:16]
