"""What is served: the copy of an API that a deployment took, under the settings that its stage has now."""

from __future__ import annotations

import copy
from typing import NamedTuple

from .state import Resource, Store


class ServedStage(NamedTuple):
    """``routes`` by route key; each holds its ``Integration`` and whether its reply goes to the client."""

    api_id: str
    name: str
    selection_expression: str
    routes: dict[str, Resource]
    variables: dict[str, str]
    execute_api_disabled: bool


class NoStage(Exception):
    """No stage is served there; ``str(error)`` is why, for the developer and not for the client."""


def snapshot(store: Store, api_id: str) -> Resource:
    """The routes of an API with all that serving them takes, independent of later changes."""
    api = store.get("Api", api_id) or {}
    routes = {route["RouteKey"]: _route(store, ids, route) for ids, route in store.children("Route", api_id)}
    settings = {name: api[name] for name in ("RouteSelectionExpression", "DisableExecuteApiEndpoint")}
    return copy.deepcopy({**settings, "Routes": routes})


def _route(store: Store, ids: tuple[str, ...], route: Resource) -> Resource:
    api_id, route_id = ids
    integration_id = route.get("Target", "").rpartition("/")[2]
    replies = [reply for _, reply in store.children("RouteResponse", api_id, route_id)]
    responses = [item for _, item in store.children("IntegrationResponse", api_id, integration_id)]
    return {
        **route,
        "Integration": store.get("Integration", api_id, integration_id),
        "IntegrationResponses": responses,
        "TwoWay": any(reply["RouteResponseKey"] == "$default" for reply in replies),
    }


def served_stage(store: Store, api_id: str, stage_name: str) -> ServedStage | None:
    """The stage as clients see it; None where it does not exist or nothing was deployed to it."""
    try:
        return find_stage(store, api_id, stage_name)
    except NoStage:
        return None


def find_stage(store: Store, api_id: str, stage_name: str) -> ServedStage:
    """The stage as clients see it. Raises NoStage."""
    if store.get("Api", api_id) is None:
        raise NoStage(f"no API {api_id} here (is this the state file it was made with?)")
    stage = store.get("Stage", api_id, stage_name)
    if stage is None:
        raise NoStage(f"no stage {stage_name} in API {api_id}")
    deployment = store.get("Deployment", api_id, stage.get("DeploymentId", ""))
    if deployment is None:
        raise NoStage(f"nothing was deployed to stage {stage_name} of API {api_id}")
    deployed = deployment["Snapshot"]
    return ServedStage(
        api_id,
        stage_name,
        deployed["RouteSelectionExpression"],
        deployed["Routes"],
        stage.get("StageVariables", {}),
        # A state file of an earlier version has none.
        deployed.get("DisableExecuteApiEndpoint", False),
    )
