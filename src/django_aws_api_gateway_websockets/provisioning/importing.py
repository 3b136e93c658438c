"""Import an API: the row and its additional routes take AWS's values."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction

from .. import properties, protocol
from ..definition import DEFAULT_STAGE, OWNER_TAG, integration_uri
from ..exceptions import GatewayNotCreated, WebSocketsError
from ..security.escaping import one_line
from . import resources as r
from .actual import Actual, Owner
from .control import ControlPlane
from .domains import find_domain
from .endpoints import control_endpoint
from .locking import locked
from .planning import value_text
from .reading import find_api, read, sends_secret

if TYPE_CHECKING:
    from ..definition import DomainDefinition
    from ..models import ApiGateway


# Reading a domain changes nothing, so it is read whoever created it.
_READER = Owner(adopts=True)


class Import(NamedTuple):
    """The changes of an import: the old and new values of fields, and all additional routes by route key."""

    api_id: str
    fields: dict[str, tuple[Any, Any]]
    routes: dict[str, str]
    routes_before: dict[str, str]
    #: Whether every integration sends the gateway's secret; None if there is no integration.
    sends_secret: bool | None

    def lines(self) -> list[str]:
        """Return the changes for people, one per line."""
        found = [f"~ {name}: {value_text(old)} -> {value_text(new)}" for name, (old, new) in self.fields.items()]
        before, after = self.routes_before, self.routes
        found += [f"- route {one_line(key)}" for key in before if key not in after]
        found += [f"+ route {one_line(key)} -> {one_line(url)}" for key, url in after.items() if before.get(key) != url]
        return found


def plan_import(gateway: ApiGateway, api_id: str = "", stage_name: str = "") -> Import:
    """Return what an import would change.

    ``api_id`` and ``stage_name`` supply the values that the row does not have yet.
    """
    control = ControlPlane(control_endpoint(gateway))
    control.check_holds(gateway.api_endpoint)
    known = find_api(control, gateway.api_id, str(gateway.reference)) if gateway.pk else ""
    if known and api_id and api_id != known:
        raise WebSocketsError(
            f"{gateway.api_name!r} has the API {known} in AWS. "
            f"With {api_id} in its place, no row would refer to {known}. "
            f"Run deleteApiGateway --pk={gateway.pk} first, or give --api-id without --pk to make a new row."
        )
    api_id = api_id or known
    if not api_id:
        raise GatewayNotCreated(f"{gateway.api_name!r} has no API in AWS. Name one with --api-id.")
    stage = stage_name or (gateway.stage if gateway.pk else "") or DEFAULT_STAGE
    actual = _read(control, gateway.domain_definition(), api_id, stage)
    if actual.get(r.STAGE, stage) is None:
        stages = ", ".join(one["StageName"] for one in control.items("GetStages", ApiId=api_id)) or "none"
        raise WebSocketsError(f"The API {api_id} has no stage {stage!r}; it has: {stages}. Name one with --stage.")
    values = _values(gateway, actual, stage)
    changed = {name: (getattr(gateway, name), new) for name, new in values.items() if getattr(gateway, name) != new}
    before = dict(gateway.additional_routes.values_list("route_key", "integration_url")) if gateway.pk else {}
    return Import(api_id, changed, _additional(actual), before, sends_secret(actual))


def import_gateway(gateway: ApiGateway, api_id: str = "", stage_name: str = "") -> Import:
    """Write AWS's values into the row and its additional routes. Return what changed."""
    # A row that is not saved yet needs no lock.
    with locked(gateway) if gateway.pk else nullcontext():
        found = plan_import(gateway, api_id, stage_name)
        with transaction.atomic():
            _write(gateway, found)
    return found


def _write(gateway: ApiGateway, found: Import) -> None:
    facts = {name: new for name, (_, new) in found.fields.items()}
    # Saving a route must not deploy it until all routes are written.
    facts.update(api_id=found.api_id, sends_secret=found.sends_secret, api_created=False)
    # The next comparison finds what the import could not read.
    facts.update(status=gateway.Status.UNKNOWN)
    for name, new in facts.items():
        setattr(gateway, name, new)
    gateway.save(update_fields=[*facts, "updated_on"] if gateway.pk else None)
    routes = gateway.additional_routes
    routes.exclude(route_key__in=found.routes).delete()
    for key, url in found.routes.items():
        if not routes.filter(route_key=key).update(integration_url=url):
            routes.create(route_key=key, integration_url=url, name=key)
    routes.update(deployed=True)
    gateway.api_created = True
    gateway.save(update_fields=["api_created", "updated_on"])


def _read(control: ControlPlane, domain: DomainDefinition | None, api_id: str, stage: str) -> Actual:
    """Read the API with the row's ``domain``, or with another one that is mapped to the stage."""
    actual = read(control, api_id, stage, domain, owner=_READER)
    if not actual.of_kind(r.MAPPING):
        mapped = find_domain(control, api_id, stage)
        if mapped is not None:
            return read(control, api_id, stage, mapped, owner=_READER)
    return actual


def _values(gateway: ApiGateway, actual: Actual, stage_name: str) -> dict[str, Any]:
    [api], [tags] = actual.of_kind(r.API), actual.of_kind(r.API_TAGS)
    connect = actual.get(r.INTEGRATION, protocol.CONNECT) or actual.get(r.INTEGRATION, protocol.DEFAULT)
    timeouts = {one.properties["TimeoutInMillis"] for one in actual.of_kind(r.INTEGRATION)} - {None}
    return {
        **properties.API.row_values(api.properties),
        **properties.STAGE.row_values(actual.resources[r.STAGE, stage_name].properties),
        "tags": {name: value for name, value in tags.properties.items() if name != OWNER_TAG},
        "target_base_endpoint": _base(connect.key, connect.properties["IntegrationUri"]) if connect else "",
        "integration_timeout": min(timeouts, default=gateway.integration_timeout),
        "two_way_replies": bool(actual.get(r.ROUTE_RESPONSE, protocol.DEFAULT)),
        "stage_name": stage_name if stage_name != DEFAULT_STAGE or gateway.stage_name else "",
        "api_endpoint": actual.api_endpoint,
        "served_stage_name": stage_name,
        "execute_api_closed": api.properties["DisableExecuteApiEndpoint"],
        **_domain_values(gateway, actual),
    }


def _domain_values(gateway: ApiGateway, actual: Actual) -> dict[str, Any]:
    """Return the values of the mapping. Without a mapping, the row keeps the domain that it names.

    AWS does not record whether the row manages the DNS record.
    """
    mapping = next(iter(actual.of_kind(r.MAPPING)), None)
    if mapping is None:
        return {
            "api_gateway_domain_name": actual.domain_target,
            "api_mapping_id": "",
            "custom_domain_created": False,
            "mapped_domain_name": gateway.mapped_domain_name if actual.of_kind(r.DOMAIN) else "",
        }
    return {
        **properties.DOMAIN.row_values(actual.resources[r.DOMAIN, mapping.key].properties),
        **properties.MAPPING.row_values(mapping.properties),
        "domain_name": mapping.key,
        "api_gateway_domain_name": actual.domain_target,
        "api_mapping_id": mapping.id,
        "custom_domain_created": True,
        "mapped_domain_name": mapping.key,
        "mapped_key": mapping.properties["ApiMappingKey"],
    }


def _base(route_key: str, uri: str) -> str:
    """Return the base endpoint from which ``integration_uri`` makes ``uri``. Return ``uri`` itself if there is none."""
    base = uri[: -len(protocol.route_path(route_key))]
    return base if integration_uri(base, route_key) == uri else uri


def _additional(actual: Actual) -> dict[str, str]:
    return {
        one.key: str(one.properties["IntegrationUri"])
        for one in actual.of_kind(r.INTEGRATION)
        if one.key not in protocol.PREDEFINED_ROUTES
    }
