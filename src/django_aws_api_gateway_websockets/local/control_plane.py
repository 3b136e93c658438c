"""The control plane: ``apigatewayv2`` operations on the store.

Most operations are one of five verbs on a kind of resource. The others are at the end.
"""

from __future__ import annotations

import base64
import secrets
import string
from typing import Any, Callable, Dict, NamedTuple

from ..answers import Answers
from . import unknowns, validation
from .defaults import DEFAULTS, domain_configurations, now
from .deployments import snapshot
from .error_answers import BadRequest, Conflict, NotFound, NotServed
from .http_messages import Request, Response, json_response
from .served import check_served
from .service_model import ControlPlaneModel, write_output
from .store import Ids, Resource, Store

PAGE_SIZE = 100
_ID_ALPHABET = string.ascii_lowercase + string.digits


class Kind(NamedTuple):
    """A kind of resource. ``identifier`` is the member that names it, and ``parents`` are pairs of kind and member."""

    name: str
    identifier: str
    parents: tuple[tuple[str, str], ...] = ()
    named_by_caller: bool = False

    def path(self, given: dict[str, Any]) -> Ids:
        """Return the path of the resource that an input names. Its last identifier may be missing."""
        members = [member for _, member in self.parents] + [self.identifier]
        return tuple(given[member] for member in members if member in given)


_API, _DOMAIN = ("Api", "ApiId"), ("DomainName", "DomainName")
KINDS = [
    Kind("Api", "ApiId"),
    Kind("Integration", "IntegrationId", (_API,)),
    Kind("IntegrationResponse", "IntegrationResponseId", (_API, ("Integration", "IntegrationId"))),
    Kind("Route", "RouteId", (_API,)),
    Kind("RouteResponse", "RouteResponseId", (_API, ("Route", "RouteId"))),
    Kind("Stage", "StageName", (_API,), named_by_caller=True),
    Kind("Deployment", "DeploymentId", (_API,)),
    Kind("DomainName", "DomainName", named_by_caller=True),
    Kind("ApiMapping", "ApiMappingId", (_DOMAIN,)),
]
#: A change to one of these takes effect with the next deployment. A stage with AutoDeploy deploys at once.
_DEPLOYED_KINDS = ("Integration", "IntegrationResponse", "Route", "RouteResponse")

Handler = Callable[[Dict[str, Any]], Resource]


def new_id(length: int = 10) -> str:
    """Return an id in AWS's form, such as ``a1b2c3d4e5``."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(length))


class ControlPlane:
    """Answers ``/v2/…``. Every ``ApiEndpoint`` begins with ``endpoint``, such as ``ws://HOST:PORT``."""

    def __init__(self, store: Store, endpoint: str, answers: Answers) -> None:
        self._store, self._endpoint, self._answers = store, endpoint, answers
        self._model = ControlPlaneModel()
        self._handlers: dict[str, Handler] = {
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "GetTags": self._get_tags,
            "DeleteRouteRequestParameter": self._delete_route_request_parameter,
            "DeleteRouteSettings": self._delete_route_settings,
            "DeleteAccessLogSettings": self._delete_access_log_settings,
        }
        for kind in KINDS:
            self._handlers.update(self._verbs(kind))

    def handle(self, request: Request) -> Response:
        """Run the operation that ``request`` asks for. Raise ApiError to refuse it."""
        operation, given = self._model.match(request)
        handler = self._handlers.get(operation.name)
        if handler is None:
            raise NotServed(f"The local gateway does not serve the operation {operation.name}")
        result = handler(given)
        if request.method != "GET":
            self._store.save()
        return json_response(operation.status, write_output(operation, result))

    def _verbs(self, kind: Kind) -> dict[str, Handler]:
        return {
            f"Create{kind.name}": lambda given: self._create(kind, given),
            f"Get{kind.name}": lambda given: self._shown(kind, self._find(kind, given)[1]),
            f"Get{kind.name}s": lambda given: self._list(kind, given),
            f"Update{kind.name}": lambda given: self._update(kind, given),
            f"Delete{kind.name}": lambda given: self._delete(kind, given),
        }

    # -- the five verbs -----------------------------------------------------------------------------------

    def _create(self, kind: Kind, given: dict[str, Any]) -> Resource:
        parent_ids = self._known_parents(kind, given)
        own = _without(given, {name for _, name in kind.parents})
        check_served(kind.name, own)
        resource = {**DEFAULTS.get(kind.name, dict)(), **own}
        if not kind.named_by_caller:
            resource[kind.identifier] = new_id(10 if kind.name == "Api" else 7)
        if kind.name == "ApiMapping":
            resource["ApiId"] = given["ApiId"]
        ids = (*parent_ids, resource[kind.identifier])
        if self._store.get(kind.name, *ids) is not None:
            raise Conflict(f"{kind.name} {ids[-1]} already exists")
        validation.check(kind.name, self._store, ids, resource, self._answers)
        self._complete(kind, ids, resource)
        self._store.put(kind.name, ids, resource)
        self._after_change(kind, ids)
        return self._shown(kind, resource)

    def _complete(self, kind: Kind, ids: Ids, resource: Resource) -> None:
        """Fill in the members that follow from others. Raise ApiError if the values are not possible."""
        if kind.name == "Deployment":
            self._deploy(ids, resource)
        elif kind.name == "Stage":
            resource["LastUpdatedDate"] = now()
        elif kind.name == "DomainName":
            target = resource.setdefault("ApiGatewayDomainName", f"d-{new_id()}.localhost")
            given = resource.get("DomainNameConfigurations")
            resource["DomainNameConfigurations"] = domain_configurations(given, target)

    def _list(self, kind: Kind, given: dict[str, Any]) -> Resource:
        parent_ids = self._known_parents(kind, given)
        found = self._store.children(kind.name, *parent_ids)
        size = _page_size(given.get("MaxResults"))
        tokens = [_token(ids) for ids, _ in found]
        start = _start(tokens, given.get("NextToken"))
        result: Resource = {"Items": [self._shown(kind, resource) for _, resource in found[start : start + size]]}
        if start + size < len(found):
            # The token names the first item of the next page, so it stays valid when this page's items are deleted.
            result["NextToken"] = tokens[start + size]
        return result

    def _update(self, kind: Kind, given: dict[str, Any]) -> Resource:
        ids, old = self._find(kind, given)
        members = {kind.identifier, *(name for _, name in kind.parents)}
        if kind.name == "ApiMapping":
            members.discard("ApiId")
        changes = _without(given, members)
        check_served(kind.name, changes)
        new = _merged(old, changes)
        validation.check(kind.name, self._store, ids, new, self._answers)
        if kind.name != "Deployment":
            self._complete(kind, ids, new)
        self._store.put(kind.name, ids, new)
        self._after_change(kind, ids)
        return self._shown(kind, new)

    def _delete(self, kind: Kind, given: dict[str, Any]) -> Resource:
        ids, _ = self._find(kind, given)
        validation.check_delete(kind.name, self._store, ids)
        self._store.remove(kind.name, ids)
        self._after_change(kind, ids)
        return {}

    def _known_parents(self, kind: Kind, given: dict[str, Any]) -> Ids:
        ids: Ids = ()
        for parent, member in kind.parents:
            ids = (*ids, given[member])
            validation.known(parent, self._store, ids)
        return ids

    def _find(self, kind: Kind, given: dict[str, Any]) -> tuple[Ids, Resource]:
        self._known_parents(kind, given)
        ids = kind.path(given)
        return ids, validation.known(kind.name, self._store, ids)

    def _shown(self, kind: Kind, resource: Resource) -> Resource:
        if kind.name == "Api":
            return {**resource, "ApiEndpoint": f"{self._endpoint}/{resource['ApiId']}"}
        if kind.name == "DomainName":
            return {**resource, "DomainNameArn": f"{_ARN}/domainnames/{resource['DomainName']}"}
        return resource

    # -- deployments --------------------------------------------------------------------------------------

    def _deploy(self, ids: Ids, deployment: Resource) -> None:
        api_id, deployment_id = ids
        if not self._store.children("Route", api_id):
            raise BadRequest("Unable to deploy API because no routes exist in this API")
        deployment["Snapshot"] = snapshot(self._store, api_id)
        stage_name = deployment.pop("StageName", None)
        if stage_name is not None:
            stage = validation.known("Stage", self._store, (api_id, stage_name))
            stage.update({"DeploymentId": deployment_id, "LastUpdatedDate": now()})

    def _after_change(self, kind: Kind, ids: Ids) -> None:
        """Deploy to the stages with AutoDeploy."""
        if kind.name not in _DEPLOYED_KINDS and kind.name != "Stage":
            return
        for stage_ids, stage in self._store.children("Stage", ids[0]):
            own = kind.name != "Stage" or (stage_ids == ids and "DeploymentId" not in stage)
            if stage.get("AutoDeploy") and own and self._store.children("Route", ids[0]):
                self._auto_deploy(stage_ids, stage)

    def _auto_deploy(self, stage_ids: Ids, stage: Resource) -> None:
        api_id, stage_name = stage_ids
        old = stage.get("DeploymentId")
        deployment = {**DEFAULTS["Deployment"](), "AutoDeployed": True, "StageName": stage_name}
        deployment["DeploymentId"] = new_id(6)
        ids = (api_id, deployment["DeploymentId"])
        self._deploy(ids, deployment)
        self._store.put("Deployment", ids, deployment)
        users = [other for _, other in self._store.children("Stage", api_id) if other.get("DeploymentId") == old]
        if old and not users and (self._store.get("Deployment", api_id, old) or {}).get("AutoDeployed"):
            self._store.remove("Deployment", (api_id, old))

    # -- the rest -----------------------------------------------------------------------------------------

    def _tagged(self, given: dict[str, Any]) -> Resource:
        parts = given["ResourceArn"].partition("::/")[2].split("/")
        kinds = {("apis", 2): "Api", ("apis", 4): "Stage", ("domainnames", 2): "DomainName"}
        kind = kinds.get((parts[0], len(parts)))
        if kind is None or (kind == "Stage" and parts[2] != "stages"):
            raise BadRequest(f"Invalid resource ARN {given['ResourceArn']!r}")
        resource = validation.known(kind, self._store, tuple(parts[1::2]))
        resource.setdefault("Tags", {})
        return resource

    def _tag(self, given: dict[str, Any]) -> Resource:
        self._tagged(given)["Tags"].update(given.get("Tags", {}))
        return {}

    def _untag(self, given: dict[str, Any]) -> Resource:
        tags = self._tagged(given)["Tags"]
        for key in given["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _get_tags(self, given: dict[str, Any]) -> Resource:
        return {"Tags": self._tagged(given)["Tags"]}

    def _delete_route_request_parameter(self, given: dict[str, Any]) -> Resource:
        route = validation.known("Route", self._store, (given["ApiId"], given["RouteId"]))
        return self._drop(route.get("RequestParameters", {}), given["RequestParameterKey"])

    def _delete_route_settings(self, given: dict[str, Any]) -> Resource:
        stage = validation.known("Stage", self._store, (given["ApiId"], given["StageName"]))
        return self._drop(stage["RouteSettings"], given["RouteKey"])

    def _delete_access_log_settings(self, given: dict[str, Any]) -> Resource:
        stage = validation.known("Stage", self._store, (given["ApiId"], given["StageName"]))
        stage.pop("AccessLogSettings", None)
        return {}

    def _drop(self, table: dict[str, Any], key: str) -> Resource:
        if table.pop(key, None) is None:
            raise NotFound(f"{key!r} does not exist")
        return {}


_ARN = f"arn:aws:apigateway:{unknowns.REGION}::"


def _without(given: dict[str, Any], members: Any) -> Resource:
    return {name: value for name, value in given.items() if name not in members}


def _merged(old: Resource, changes: Resource) -> Resource:
    """Return ``old`` with ``changes``. As in AWS, maps are merged and an empty string removes its key."""
    new = dict(old)
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(old.get(name), dict):
            merged = {**old[name], **value}
            new[name] = {key: item for key, item in merged.items() if item != ""}
        else:
            new[name] = value
    return new


def _page_size(given: Any) -> int:
    try:
        size = PAGE_SIZE if given is None else int(given)
    except ValueError:
        size = 0
    if size < 1:
        raise BadRequest("Invalid value for MaxResults: must be a positive number")
    return size


def _token(ids: Ids) -> str:
    return base64.urlsafe_b64encode("/".join(ids).encode()).decode()


def _start(tokens: list[str], token: Any) -> int:
    """Return the index at which the page of ``token`` begins."""
    if token is None:
        return 0
    if token not in tokens:
        raise BadRequest("Invalid value for NextToken")
    return tokens.index(token)
