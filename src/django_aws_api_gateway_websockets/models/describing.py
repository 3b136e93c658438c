"""Describe the API that the fields of a gateway row ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping

from django.views.decorators.debug import sensitive_variables

from .. import definition, properties, protocol
from ..definition import DomainDefinition, HiddenStr, RouteDefinition, StageDefinition
from ..security.gateway_secret import gateway_secret

if TYPE_CHECKING:
    from .gateways import ApiGateway

#: Stands for the secret of an API that has no id yet.
PENDING_SECRET = "known-once-the-api-exists"  # noqa: S105


@sensitive_variables("secret")
def describe(gateway: ApiGateway, with_domain: bool = False) -> definition.ApiDefinition:
    """Return the definition of ``gateway``. ``with_domain`` includes a custom domain that was never created."""
    secret = HiddenStr(gateway_secret(gateway.api_id) if gateway.api_id else PENDING_SECRET)
    integration = properties.INTEGRATION.described(gateway)
    return definition.ApiDefinition(
        name=gateway.api_name,
        properties=properties.API.described(gateway),
        tags={**gateway.tags, definition.OWNER_TAG: str(gateway.reference)},
        routes=tuple(
            RouteDefinition(key, uri, definition.request_parameters(key, secret), integration, gateway.two_way_replies)
            for key, uri in _integration_uris(gateway).items()
        ),
        stage=StageDefinition(gateway.stage, properties.STAGE.described(gateway)),
        domain=gateway.domain_definition(with_domain),
    )


def describe_domain(gateway: ApiGateway) -> DomainDefinition:
    """Return the custom domain that ``gateway`` names."""
    mapping: Mapping[str, Any] = properties.MAPPING.described(gateway)
    zone = gateway.hosted_zone_id if gateway.manage_dns_record else ""
    return DomainDefinition(gateway.domain_name, properties.DOMAIN.described(gateway), mapping["ApiMappingKey"], zone)


def _integration_uris(gateway: ApiGateway) -> dict[str, str]:
    base = gateway.target_base_endpoint
    uris = {key: definition.integration_uri(base, key) for key in protocol.PREDEFINED_ROUTES}
    if gateway.pk:
        uris.update(gateway.additional_routes.order_by("pk").values_list("route_key", "integration_url"))
    return uris
