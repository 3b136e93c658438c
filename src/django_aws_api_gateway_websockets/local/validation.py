"""What the control plane refuses, beyond the shapes of the service model.

Each check takes the store, the path of the resource, and the resource as it will be.
"""

from __future__ import annotations

import re
from typing import Callable

from ..answers import Answers
from ..protocol import (
    CONNECT,
    DEFAULT,
    INTEGRATION_TIMEOUT,
    MAX_INTEGRATIONS,
    MAX_ROUTES,
    MAX_STAGES,
    PREDEFINED_ROUTES,
)
from .error_answers import BadRequest, Conflict, NotFound
from .mapping import check_mapping
from .store import Ids, Resource, Store

_STAGE_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_STAGE_VARIABLE = re.compile(r"[A-Za-z0-9\-._~:/?#&=,]+\Z")
_DOMAIN_NAME = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*\Z")
_ROUTE_PARAMETER = re.compile(r"route\.request\.(header|querystring)\.[^.]+\Z")
_METHODS = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_URI = re.compile(r"(https?://|\$\{stageVariables\.)[^\s\x00-\x1f\x7f]+\Z")
_RESPONSE_KEY = re.compile(r"\$default\Z|/\d{3}/\Z")
# References and directives of the Velocity Template Language.
_VELOCITY = re.compile(r"\$!?\{?[A-Za-z]|#\{?[A-Za-z@]|##|#\*")


def check(kind: str, store: Store, ids: Ids, new: Resource, answers: Answers) -> None:
    """Raise BadRequest, NotFound or Conflict if ``new`` is not acceptable."""
    if kind in _CHECKS:
        _CHECKS[kind](store, ids, new)
    if kind == "Integration" and answers["disconnect_variables"] == "refused":
        _refuse_disconnect_variables(new)


def _refuse_disconnect_variables(new: Resource) -> None:
    for source in new.get("RequestParameters", {}).values():
        if source.startswith("context.disconnect"):
            raise BadRequest(f"Invalid mapping expression specified: {source}")


def _check_api(store: Store, ids: Ids, new: Resource) -> None:
    if new["ProtocolType"] != "WEBSOCKET":
        raise BadRequest("The local gateway serves WebSocket APIs only. ProtocolType must be WEBSOCKET.")
    if "$request." not in new["RouteSelectionExpression"] and "${request." not in new["RouteSelectionExpression"]:
        raise BadRequest(f"Invalid route selection expression {new['RouteSelectionExpression']!r}")


def _check_integration(store: Store, ids: Ids, new: Resource) -> None:
    _quota(store, "Integration", ids, MAX_INTEGRATIONS)
    kind = new["IntegrationType"]
    if kind not in ("HTTP_PROXY", "MOCK"):
        raise BadRequest(f"The local gateway serves HTTP_PROXY and MOCK integrations, not {kind}.")
    if new["PayloadFormatVersion"] != "1.0":
        raise BadRequest("PayloadFormatVersion other than 1.0 is supported for HTTP APIs only")
    if new["TimeoutInMillis"] > INTEGRATION_TIMEOUT * 1000:
        raise BadRequest("Timeout should be between 50 ms and 29000 ms for WebSocket APIs")
    if kind == "HTTP_PROXY":
        if new.get("IntegrationMethod") not in _METHODS:
            raise BadRequest(f"HTTP_PROXY integrations need an IntegrationMethod: one of {', '.join(_METHODS)}")
        if not _URI.match(new.get("IntegrationUri", "")):
            raise BadRequest("Invalid HTTP endpoint specified for URI")
        if new.get("RequestTemplates"):
            raise BadRequest("The local gateway serves RequestTemplates of MOCK integrations only. Leave them out.")
    _check_templates("RequestTemplates", new)
    for target, source in new.get("RequestParameters", {}).items():
        problem = check_mapping(target, source)
        if problem:
            raise BadRequest(f"Invalid mapping expression specified: {problem}")


def _check_templates(member: str, new: Resource) -> None:
    for template in new.get(member, {}).values():
        if _VELOCITY.search(template):
            raise BadRequest(f"The local gateway does not evaluate templates. Write {member} without $ and #.")


def _check_route(store: Store, ids: Ids, new: Resource) -> None:
    key, (api_id, _route_id) = new["RouteKey"], ids
    _quota(store, "Route", ids, MAX_ROUTES)
    if not key or (key.startswith("$") and key not in PREDEFINED_ROUTES):
        raise BadRequest(f"Invalid route key {key!r}: only {', '.join(PREDEFINED_ROUTES)} begin with $")
    if any(other["RouteKey"] == key and found != ids for found, other in store.children("Route", api_id)):
        raise Conflict(f"Route with key {key} already exists for this API")
    for parameter in new.get("RequestParameters", {}):
        if key != CONNECT or not _ROUTE_PARAMETER.match(parameter):
            raise BadRequest(f"Invalid request parameter {parameter!r} of route {key}")
    target = new.get("Target")
    if target is not None:
        _check_target(store, api_id, target)


def _check_target(store: Store, api_id: str, target: str) -> None:
    prefix, _, integration_id = target.partition("/")
    if prefix != "integrations" or store.get("Integration", api_id, integration_id) is None:
        raise BadRequest(f"Invalid target {target!r}: there is no such integration. Expected integrations/ID.")


def _check_route_response(store: Store, ids: Ids, new: Resource) -> None:
    if new["RouteResponseKey"] != DEFAULT:
        raise BadRequest("RouteResponseKey must be $default")
    _unique(store, "RouteResponse", ids, new, "RouteResponseKey")


def _check_integration_response(store: Store, ids: Ids, new: Resource) -> None:
    if not _RESPONSE_KEY.match(new["IntegrationResponseKey"]):
        raise BadRequest("The local gateway serves the IntegrationResponseKeys $default and /STATUS/, such as /200/.")
    integration = store.get("Integration", *ids[:-1]) or {}
    if new.get("ResponseTemplates") and integration.get("IntegrationType") != "MOCK":
        raise BadRequest("The local gateway serves ResponseTemplates of MOCK integrations only. Leave them out.")
    _check_templates("ResponseTemplates", new)
    _unique(store, "IntegrationResponse", ids, new, "IntegrationResponseKey")


def _check_stage(store: Store, ids: Ids, new: Resource) -> None:
    _quota(store, "Stage", ids, MAX_STAGES)
    if not _STAGE_NAME.match(new["StageName"]):
        raise BadRequest("Stage name may contain letters, digits, hyphens and underscores only")
    deployment_id = new.get("DeploymentId")
    if deployment_id and store.get("Deployment", ids[0], deployment_id) is None:
        raise BadRequest(f"Deployment {deployment_id} does not exist")
    for name, value in new["StageVariables"].items():
        if not re.match(r"\w+\Z", name) or not _STAGE_VARIABLE.match(value):
            raise BadRequest(f"Invalid stage variable {name!r}: letters, digits and -._~:/?#&=, only")


def _check_domain_name(store: Store, ids: Ids, new: Resource) -> None:
    if not _DOMAIN_NAME.match(new["DomainName"]):
        raise BadRequest(f"Invalid domain name {new['DomainName']!r}")
    for configuration in new.get("DomainNameConfigurations", ()):
        if configuration.get("EndpointType", "REGIONAL") != "REGIONAL":
            raise BadRequest("WebSocket APIs need a REGIONAL domain name")


def _check_api_mapping(store: Store, ids: Ids, new: Resource) -> None:
    if store.get("Stage", new["ApiId"], new["Stage"]) is None:
        raise BadRequest(f"Invalid stage identifier specified: {new['ApiId']}/{new['Stage']}")
    _unique(store, "ApiMapping", ids, new, "ApiMappingKey")


def _unique(store: Store, kind: str, ids: Ids, new: Resource, member: str) -> None:
    """Raise Conflict if a sibling of ``new`` has the same ``member``."""
    for found, other in store.children(kind, *ids[:-1]):
        if found != ids and other[member] == new[member]:
            raise Conflict(f"{member} {new[member]!r} already exists")


def _quota(store: Store, kind: str, ids: Ids, limit: int) -> None:
    siblings = store.children(kind, *ids[:-1])
    if len(siblings) >= limit and all(found != ids for found, _ in siblings):
        raise BadRequest(f"Maximum number of {kind.lower()}s for this API has been reached: {limit}")


_CHECKS: dict[str, Callable[[Store, Ids, Resource], None]] = {
    "Api": _check_api,
    "Integration": _check_integration,
    "IntegrationResponse": _check_integration_response,
    "Route": _check_route,
    "RouteResponse": _check_route_response,
    "Stage": _check_stage,
    "DomainName": _check_domain_name,
    "ApiMapping": _check_api_mapping,
}


def check_delete(kind: str, store: Store, ids: Ids) -> None:
    """Raise ApiError if another resource still needs this one."""
    if kind == "Integration":
        for _, route in store.children("Route", ids[0]):
            if route.get("Target") == f"integrations/{ids[1]}":
                raise Conflict(f"Cannot delete Integration '{ids[1]}' as it is referenced by a Route")
    if kind == "Deployment":
        for _, stage in store.children("Stage", ids[0]):
            if stage.get("DeploymentId") == ids[1]:
                raise BadRequest("Active stages pointing to this deployment must be moved or deleted")
    if kind in ("Api", "Stage"):
        for _, mapping in store.children("ApiMapping"):
            if mapping["ApiId"] == ids[0] and ids[1:] in ((), (mapping["Stage"],)):
                raise BadRequest("Please remove all API mappings related to it in your domains first")


def known(kind: str, store: Store, ids: Ids) -> Resource:
    """Return the resource at ``ids``, or raise NotFound with AWS's text."""
    resource = store.get(kind, *ids)
    if resource is None:
        raise NotFound(f"Invalid {kind} identifier specified {'/'.join(ids)}")
    return resource
