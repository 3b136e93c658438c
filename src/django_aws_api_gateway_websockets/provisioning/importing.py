"""The plan in the other direction: what AWS has becomes what the row says."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction

from .. import protocol
from ..definition import DEFAULT_STAGE, OWNER_TAG, integration_uri
from ..exceptions import GatewayNotCreated, WebSocketsError
from . import resources as r
from .control import ControlPlane
from .endpoints import control_endpoint
from .locking import locked
from .planning import value_text
from .reading import Actual, find_api, find_domain, read, sends_secret

if TYPE_CHECKING:
    from ..definition import DomainDefinition
    from ..models import ApiGateway


class Import(NamedTuple):
    """The fields that change, old and new; and the additional routes, all of them, by route key."""

    api_id: str
    fields: dict[str, tuple[Any, Any]]
    routes: dict[str, str]
    routes_before: dict[str, str]
    #: Whether the API's requests prove where they come from; None: it has no integration.
    sends_secret: bool | None

    def lines(self) -> list[str]:
        found = [f"~ {name}: {value_text(old)} -> {value_text(new)}" for name, (old, new) in self.fields.items()]
        before, after = self.routes_before, self.routes
        found += [f"- route {key}" for key in before if key not in after]
        found += [f"+ route {key} -> {url}" for key, url in after.items() if before.get(key) != url]
        return found


def look(gateway: ApiGateway, api_id: str = "", stage_name: str = "") -> Import:
    """What ``gateway`` would become. ``api_id`` and ``stage_name`` choose what the row does not know yet."""
    control = ControlPlane(control_endpoint(gateway))
    control.check_holds(gateway.api_endpoint)
    known = find_api(control, gateway.api_id, str(gateway.reference)) if gateway.pk else ""
    if known and api_id and api_id != known:
        raise WebSocketsError(
            f"{gateway.api_name!r} has the API {known} in AWS, which nobody would know any more if the row took "
            f"{api_id}. Delete it first (deleteApiGateway --pk={gateway.pk}), or give --api-id without --pk: a new row."
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


def take(gateway: ApiGateway, api_id: str = "", stage_name: str = "") -> Import:
    """``look``, and write what was found into the row and its additional routes."""
    # Nobody else knows a row that is made only now.
    with locked(gateway) if gateway.pk else nullcontext():
        found = look(gateway, api_id, stage_name)
        with transaction.atomic():
            _write(gateway, found)
    return found


def _write(gateway: ApiGateway, found: Import) -> None:
    facts = {name: new for name, (_, new) in found.fields.items()}
    # Until the routes are written, saving one must not deploy them.
    facts.update(api_id=found.api_id, sends_secret=found.sends_secret, api_created=False)
    # What the import could not say is left to the next look.
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
    """The API with the row's ``domain``, or with the one that is mapped to the stage instead."""
    actual = read(control, api_id, stage, domain)
    if not actual.of_kind(r.MAPPING):
        mapped = find_domain(control, api_id, stage)
        if mapped is not None:
            return read(control, api_id, stage, mapped)
    return actual


def _values(gateway: ApiGateway, actual: Actual, stage_name: str) -> dict[str, Any]:
    [api], [tags] = actual.of_kind(r.API), actual.of_kind(r.API_TAGS)
    stage = actual.resources[r.STAGE, stage_name].properties
    connect = actual.get(r.INTEGRATION, protocol.CONNECT) or actual.get(r.INTEGRATION, protocol.DEFAULT)
    timeouts = {one.properties["TimeoutInMillis"] for one in actual.of_kind(r.INTEGRATION)}
    rate, burst = (stage[f"DefaultRouteSettings.Throttling{name}Limit"] for name in ("Rate", "Burst"))
    return {
        "api_name": api.properties["Name"],
        "api_description": api.properties["Description"],
        "route_selection_expression": api.properties["RouteSelectionExpression"],
        "api_key_selection_expression": api.properties["ApiKeySelectionExpression"],
        "disable_execute_api_endpoint": api.properties["DisableExecuteApiEndpoint"],
        "ip_address_type": api.properties["IpAddressType"],
        "tags": {name: value for name, value in tags.properties.items() if name != OWNER_TAG},
        "target_base_endpoint": _base(connect.key, connect.properties["IntegrationUri"]) if connect else "",
        "integration_timeout": min(timeouts, default=gateway.integration_timeout),
        "two_way_replies": bool(actual.get(r.ROUTE_RESPONSE, protocol.DEFAULT)),
        "stage_name": stage_name if stage_name != DEFAULT_STAGE or gateway.stage_name else "",
        "stage_description": stage["Description"],
        "stage_variables": r.nested(stage, "StageVariables"),
        "throttling_rate": rate,
        "throttling_burst": burst,
        "access_log_destination": stage["AccessLogSettings.DestinationArn"],
        "access_log_format": stage["AccessLogSettings.Format"],
        "logging_level": stage["DefaultRouteSettings.LoggingLevel"],
        "detailed_metrics": stage["DefaultRouteSettings.DetailedMetricsEnabled"],
        "client_certificate_id": stage["ClientCertificateId"],
        "api_endpoint": actual.api_endpoint,
        "served_stage_name": stage_name,
        "execute_api_closed": api.properties["DisableExecuteApiEndpoint"],
        **_domain_values(gateway, actual),
    }


def _domain_values(gateway: ApiGateway, actual: Actual) -> dict[str, Any]:
    """What the mapping says, or that there is none: the row still names the domain that it wants. Who keeps the DNS
    record cannot be read."""
    mapping = next(iter(actual.of_kind(r.MAPPING)), None)
    if mapping is None:
        return {
            "api_gateway_domain_name": actual.domain_target,
            "api_mapping_id": "",
            "custom_domain_created": False,
            "mapped_domain_name": gateway.mapped_domain_name if actual.of_kind(r.DOMAIN) else "",
        }
    return {
        "domain_name": mapping.key,
        "certificate_arn": actual.resources[r.DOMAIN, mapping.key].properties["CertificateArn"],
        "api_mapping_key": mapping.properties["ApiMappingKey"],
        "api_gateway_domain_name": actual.domain_target,
        "api_mapping_id": mapping.id,
        "custom_domain_created": True,
        "mapped_domain_name": mapping.key,
        "mapped_key": mapping.properties["ApiMappingKey"],
    }


def _base(route_key: str, uri: str) -> str:
    """The base endpoint of which ``integration_uri`` makes ``uri``; the URL itself where none does."""
    base = uri[: -len(protocol.route_path(route_key))]
    return base if integration_uri(base, route_key) == uri else uri


def _additional(actual: Actual) -> dict[str, str]:
    return {
        one.key: str(one.properties["IntegrationUri"])
        for one in actual.of_kind(r.INTEGRATION)
        if one.key not in protocol.PREDEFINED_ROUTES
    }
