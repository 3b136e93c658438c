"""The contents of a stage: the copy of the API in its deployment, and the current settings of the stage."""

from __future__ import annotations

import copy
from typing import NamedTuple

from .store import Resource, Store


class ServedStage(NamedTuple):
    """A stage with its deployed routes by route key. Each holds its ``Integration`` and whether it is ``TwoWay``."""

    api_id: str
    name: str
    selection_expression: str
    routes: dict[str, Resource]
    variables: dict[str, str]
    execute_api_disabled: bool


class NoStage(Exception):
    """There is no stage at this URL. ``str(error)`` explains why to the developer. The client must not see it."""


def snapshot(store: Store, api_id: str) -> Resource:
    """Return a copy of an API's routes, with everything that is needed to serve them."""
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
    """Return the stage as clients see it. Return None if it does not exist or has no deployment."""
    try:
        return find_stage(store, api_id, stage_name)
    except NoStage:
        return None


def find_stage(store: Store, api_id: str, stage_name: str) -> ServedStage:
    """Return the stage as clients see it, or raise NoStage."""
    if store.get("Api", api_id) is None:
        raise NoStage(f"there is no API {api_id} here. Reload the page. With --state FILE, URLs stay the same.")
    stage = store.get("Stage", api_id, stage_name)
    if stage is None:
        raise NoStage(f"the API {api_id} has no stage {stage_name}")
    deployment = store.get("Deployment", api_id, stage.get("DeploymentId", ""))
    if deployment is None:
        raise NoStage(f"the stage {stage_name} of API {api_id} has no deployment")
    deployed = deployment["Snapshot"]
    return ServedStage(
        api_id,
        stage_name,
        deployed["RouteSelectionExpression"],
        deployed["Routes"],
        stage.get("StageVariables", {}),
        # State files of earlier versions do not have this key.
        deployed.get("DisableExecuteApiEndpoint", False),
    )
