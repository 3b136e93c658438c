"""The resources of an API, in one form for both a definition and AWS.

``wanted`` writes a definition in this form, ``reading`` writes AWS's answers in it, and ``planning`` compares the two.
The properties of each kind and their defaults are in the table of ``properties``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping

from .. import properties, protocol
from ..definition import ApiDefinition, RouteDefinition
from ..properties import Table

# The kinds of resources, in the order in which they are created.
API, API_TAGS = "API", "tags of the API"
INTEGRATION, ROUTE, ROUTE_RESPONSE = "integration", "route", "route response"
#: Settings of one route on the stage. A row has no such settings, so they are only ever removed.
ROUTE_SETTINGS = "stage settings of the route"
DEPLOYMENT, STAGE, STAGE_TAGS = "deployment", "stage", "tags of the stage"
DOMAIN, DOMAIN_TAGS, MAPPING, RECORD = "domain name", "tags of the domain name", "API mapping", "DNS record"
#: These tags are sent when their resource is created.
TAGS = (API_TAGS, STAGE_TAGS, DOMAIN_TAGS)
#: These take effect with the next deployment only.
DEPLOYED = (INTEGRATION, ROUTE, ROUTE_RESPONSE)
#: These must be in order before a deployment is created.
UNTIL_DEPLOYMENT = (API, API_TAGS, ROUTE_SETTINGS, *DEPLOYED)
#: These are created again if AWS has a property that an update cannot remove.
REPLACEABLE = DEPLOYED

TABLES: Mapping[str, Table] = {
    API: properties.API,
    INTEGRATION: properties.INTEGRATION,
    ROUTE: properties.ROUTE,
    ROUTE_RESPONSE: properties.ROUTE_RESPONSE,
    STAGE: properties.STAGE,
    DOMAIN: properties.DOMAIN,
    MAPPING: properties.MAPPING,
}

#: The beginning of the descriptions of this package's deployments. A fingerprint of the contents follows.
DEPLOYMENT_MARK = "django-websockets "


@dataclass(frozen=True)
class Resource:
    """A resource of an API. ``key`` is its name for people. ``properties`` have AWS's flat names."""

    kind: str
    key: str
    # The repr leaves them out, because the properties of an integration hold the secret.
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)
    #: AWS's identifier of a resource that exists.
    id: str = ""

    @property
    def name(self) -> tuple[str, str]:
        """The kind and the key. Together they are unique."""
        return self.kind, self.key


def wanted(definition: ApiDefinition, api_id: str) -> list[Resource]:
    """Return the resources that ``definition`` asks for, in the order of their creation."""
    resources = [api(definition), Resource(API_TAGS, definition.name, dict(definition.tags))]
    for route in definition.routes:
        resources += _route(route)
    mark = fingerprint(definition, resources)
    stage = definition.stage
    resources.append(Resource(DEPLOYMENT, mark))
    resources.append(Resource(STAGE, stage.name, {**stage.properties, "DeploymentId": mark}))
    resources.append(Resource(STAGE_TAGS, stage.name, dict(definition.tags)))
    return resources + _domain(definition, api_id)


def api(definition: ApiDefinition) -> Resource:
    """Return the API itself."""
    return Resource(API, definition.name, definition.properties)


def integration(route: RouteDefinition) -> Resource:
    """Return the integration of ``route``."""
    parameters = properties.flat("RequestParameters", route.request_parameters)
    return Resource(
        INTEGRATION, route.route_key, {**route.properties, "IntegrationUri": route.integration_uri, **parameters}
    )


def has_response(route: RouteDefinition) -> bool:
    """Return whether API Gateway sends the responses on ``route`` back to the client."""
    return route.two_way and route.route_key not in (protocol.CONNECT, protocol.DISCONNECT)


def _route(route: RouteDefinition) -> list[Resource]:
    found = [integration(route), Resource(ROUTE, route.route_key, {"Integration": route.route_key})]
    if has_response(route):
        found.append(Resource(ROUTE_RESPONSE, route.route_key))
    return found


def _domain(definition: ApiDefinition, api_id: str) -> list[Resource]:
    domain = definition.domain
    if domain is None:
        return []
    mapping = {"ApiId": api_id, "Stage": definition.stage.name, "ApiMappingKey": domain.mapping_key}
    found = [
        Resource(DOMAIN, domain.name, domain.properties),
        Resource(DOMAIN_TAGS, domain.name, dict(definition.tags)),
        Resource(MAPPING, domain.name, mapping),
    ]
    if domain.hosted_zone_id:
        found.append(Resource(RECORD, domain.name, {"HostedZoneId": domain.hosted_zone_id}))
    return found


def fingerprint(definition: ApiDefinition, resources: Iterable[Resource]) -> str:
    """Return a fingerprint of what a deployment of ``resources`` serves. Equal contents have equal fingerprints."""
    deployed = [[*one.name, sorted(one.properties.items())] for one in resources if one.kind in DEPLOYED]
    served: list[Any] = [sorted(definition.deployed.items()), sorted(deployed)]
    return hashlib.sha256(json.dumps(served, sort_keys=True).encode()).hexdigest()[:16]
