"""Read an API from AWS into the form of ``resources``."""

from __future__ import annotations

from typing import Any, Mapping

from .. import protocol
from ..definition import OWNER_TAG, SECRET_PARAMETER, DomainDefinition
from ..exceptions import NotFound
from ..security.gateway_secret import is_gateway_secret
from . import resources as r
from .actual import NEVER_MAPPED, NOBODY, Actual, MappedDomain, Owner, observed, without_aws
from .control import ControlPlane
from .domains import read_domain, read_left
from .resources import Resource

_SECRET = f"RequestParameters.{SECRET_PARAMETER}"


def sends_secret(actual: Actual) -> bool | None:
    """Return whether every integration carries a secret that the view accepts.

    Return None if there is no integration.
    """
    carried = [one.properties.get(_SECRET) or "" for one in actual.of_kind(r.INTEGRATION)]
    if not carried:
        return None
    return all(is_gateway_secret(actual.api_id, value.strip("'")) for value in carried)


def find_api(control: ControlPlane, api_id: str | None, owner: str) -> str:
    """Return the recorded id if AWS still has the API, or else the id of an API with the row's tag, or else ``""``."""
    if api_id:
        try:
            return str(control.call("GetApi", ApiId=api_id)["ApiId"])
        except NotFound:
            pass
    tagged = (api["ApiId"] for api in control.items("GetApis") if Owner(owner).owns(api))
    return str(next(tagged, ""))


def read(
    control: ControlPlane,
    api_id: str,
    stage_name: str,
    domain: DomainDefinition | None = None,
    mapped: MappedDomain = NEVER_MAPPED,
    owner: Owner = NOBODY,
) -> Actual:
    """Read everything that a plan needs to know about the API ``api_id`` and its domains, which may outlive it.

    A domain of another name with the owner's tag is left over from a run that died while the row was renamed.
    """
    actual = Actual(api_id)
    if api_id:
        _read_api(control, actual, stage_name)
    if domain is not None:
        read_domain(control, actual, domain, mapped, owner)
    if domain is not None or mapped.name:
        read_left(control, actual, domain, mapped, owner)
    return actual


def _read_api(control: ControlPlane, actual: Actual, stage_name: str) -> None:
    api = control.call("GetApi", ApiId=actual.api_id)
    actual.api_endpoint = api.get("ApiEndpoint", "")
    actual.add(Resource(r.API, api["Name"], observed(r.API, api), actual.api_id))
    actual.add(_tags(control, r.API_TAGS, api["Name"], f"/apis/{actual.api_id}"))
    _read_routes(control, actual)
    _read_stages(control, actual, stage_name)


def _tags(control: ControlPlane, kind: str, key: str, path: str) -> Resource:
    return Resource(kind, key, without_aws(control.call("GetTags", ResourceArn=control.arn(path)).get("Tags") or {}))


def _read_routes(control: ControlPlane, actual: Actual) -> None:
    integrations = {one["IntegrationId"]: one for one in control.items("GetIntegrations", ApiId=actual.api_id)}
    for route in control.items("GetRoutes", ApiId=actual.api_id):
        key, route_id = route["RouteKey"], route["RouteId"]
        if actual.get(r.ROUTE, key):
            actual.left_over.append(Resource(r.ROUTE, key, id=route_id))
            continue
        # Pop the integration, because one that two routes share counts as the first route's. The second route gets a
        # new one.
        integration = integrations.pop(route.get("Target", "").partition("/")[2], None)
        target = {"Integration": key if integration else ""}
        actual.add(Resource(r.ROUTE, key, {**target, **observed(r.ROUTE, route)}, route_id))
        if integration is not None:
            found = observed(r.INTEGRATION, integration)
            actual.add(Resource(r.INTEGRATION, key, found, integration["IntegrationId"]))
        if key not in (protocol.CONNECT, protocol.DISCONNECT):
            _read_responses(control, actual, route)
    actual.left_over += [Resource(r.INTEGRATION, f"(unused) {one}", id=one) for one in integrations]


def _read_responses(control: ControlPlane, actual: Actual, route: Mapping[str, Any]) -> None:
    # Without this selection expression, or with another one, the response is never sent.
    selection = route.get("RouteResponseSelectionExpression", "")
    lost = {} if selection == protocol.DEFAULT else {"RouteResponseSelectionExpression": selection}
    for response in control.items("GetRouteResponses", ApiId=actual.api_id, RouteId=route["RouteId"]):
        found = {**lost, **observed(r.ROUTE_RESPONSE, response)}
        actual.add(Resource(r.ROUTE_RESPONSE, route["RouteKey"], found, response["RouteResponseId"]))


def _read_stages(control: ControlPlane, actual: Actual, stage_name: str) -> None:
    marks = {
        one["DeploymentId"]: one.get("Description", "") for one in control.items("GetDeployments", ApiId=actual.api_id)
    }
    in_use = set()
    for stage in control.items("GetStages", ApiId=actual.api_id):
        deployment_id = stage.get("DeploymentId", "")
        in_use.add(deployment_id)
        if stage["StageName"] == stage_name:
            deployment = {"DeploymentId": _fingerprint(marks.get(deployment_id, "")) or deployment_id}
            actual.add(Resource(r.STAGE, stage_name, {**observed(r.STAGE, stage), **deployment}, stage_name))
            actual.add(_tags(control, r.STAGE_TAGS, stage_name, f"/apis/{actual.api_id}/stages/{stage_name}"))
            for key in stage.get("RouteSettings") or {}:
                actual.add(Resource(r.ROUTE_SETTINGS, key, id=stage_name))
        elif OWNER_TAG in stage.get("Tags", {}):
            actual.left_over.append(Resource(r.STAGE, stage["StageName"], id=stage["StageName"]))
    for deployment_id, mark in marks.items():
        if _fingerprint(mark):
            actual.add(Resource(r.DEPLOYMENT, _fingerprint(mark), {"in use": deployment_id in in_use}, deployment_id))


def _fingerprint(description: str) -> str:
    return description[len(r.DEPLOYMENT_MARK) :] if description.startswith(r.DEPLOYMENT_MARK) else ""
