"""From the fields of a row to the API that it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import definition, protocol
from ..definition import RouteDefinition, StageDefinition
from ..security.gateway_secret import gateway_secret

if TYPE_CHECKING:
    from .gateways import ApiGateway

#: Stands for the secret of an API that has no id yet.
PENDING_SECRET = "known-once-the-api-exists"  # noqa: S105


def describe(gateway: ApiGateway, with_domain: bool = False) -> definition.ApiDefinition:
    """The definition of ``gateway``; ``with_domain`` also of a custom domain that was not begun."""
    secret = gateway_secret(gateway.api_id) if gateway.api_id else PENDING_SECRET
    return definition.ApiDefinition(
        name=gateway.api_name,
        description=gateway.api_description,
        route_selection_expression=gateway.route_selection_expression,
        api_key_selection_expression=gateway.api_key_selection_expression or definition.DEFAULT_API_KEY_SELECTION,
        disable_execute_api_endpoint=gateway.disable_execute_api_endpoint,
        ip_address_type=gateway.ip_address_type,
        tags={**gateway.tags, definition.OWNER_TAG: str(gateway.reference)},
        routes=tuple(_route(gateway, key, uri, secret) for key, uri in _targets(gateway).items()),
        stage=_stage(gateway),
        domain=gateway.domain_definition(with_domain),
    )


def _targets(gateway: ApiGateway) -> dict[str, str]:
    base = gateway.target_base_endpoint
    targets = {key: definition.integration_uri(base, key) for key in protocol.PREDEFINED_ROUTES}
    if gateway.pk:
        targets.update(gateway.additional_routes.order_by("pk").values_list("route_key", "integration_url"))
    return targets


def _route(gateway: ApiGateway, key: str, uri: str, secret: str) -> RouteDefinition:
    parameters = definition.request_parameters(key, secret)
    return RouteDefinition(key, uri, parameters, gateway.integration_timeout, gateway.two_way_replies)


def _stage(gateway: ApiGateway) -> StageDefinition:
    return StageDefinition(
        name=gateway.stage,
        description=gateway.stage_description,
        variables=dict(gateway.stage_variables),
        throttling_rate=gateway.throttling_rate,
        throttling_burst=gateway.throttling_burst,
        access_log_destination=gateway.access_log_destination,
        access_log_format=gateway.access_log_format,
        logging_level=gateway.logging_level,
        detailed_metrics=gateway.detailed_metrics,
        client_certificate_id=gateway.client_certificate_id,
    )
