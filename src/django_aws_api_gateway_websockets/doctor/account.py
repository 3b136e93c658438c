"""Checks of the account beyond the plan: the mapping of the custom domain, and the remaining quotas."""

from __future__ import annotations

from typing import Iterator

from ..exceptions import WebSocketsError
from ..models import ApiGateway
from ..protocol import MAX_INTEGRATIONS, MAX_ROUTES, MAX_STAGES
from ..provisioning.control import ControlPlane
from ..provisioning.endpoints import control_endpoint
from .finding import ERROR, WARNING, Finding

#: The doctor warns when this share of a quota is used.
_NEARLY = 0.9
_QUOTAS = (
    ("GetRoutes", "routes", MAX_ROUTES),
    ("GetIntegrations", "integrations", MAX_INTEGRATIONS),
    ("GetStages", "stages", MAX_STAGES),
)


def domain_leads_here(gateway: ApiGateway) -> Iterator[Finding]:
    """The custom domain uses API mappings, and one of them is the gateway's."""
    if not (gateway.api_created and gateway.custom_domain_created):
        return
    name, control = gateway.domain_name, ControlPlane(control_endpoint(gateway))
    try:
        domain = control.call("GetDomainName", DomainName=name)
        mappings = control.items("GetApiMappings", DomainName=name)
    except WebSocketsError:
        return  # the plan reads both too, and reports this
    if domain.get("RoutingMode") == "ROUTING_RULE_ONLY":
        yield Finding(
            ERROR, "domain-routing-mode", f"The domain {name} has the routing mode ROUTING_RULE_ONLY, which ignores "
            "API mappings. Routing rules cannot lead to WebSocket APIs.",
            f"Run updateApiGateway --pk={gateway.pk}, which sets API_MAPPING_ONLY.",
        )  # fmt: skip
    if not any(one["ApiId"] == gateway.api_id for one in mappings):
        yield Finding(
            ERROR, "domain-not-mapped", f"The domain {name} has no API mapping to the API {gateway.api_id}.",
            f"Run updateApiGateway --pk={gateway.pk}.",
        )  # fmt: skip


def quotas(gateway: ApiGateway) -> Iterator[Finding]:
    if not gateway.api_created:
        return
    control = ControlPlane(control_endpoint(gateway))
    for operation, what, limit in _QUOTAS:
        try:
            count = len(control.items(operation, ApiId=gateway.api_id))
        except WebSocketsError:
            return  # the plan reports this
        if count >= _NEARLY * limit:
            yield Finding(
                WARNING, "quota", f"The API has {count} of at most {limit} {what}.",
                "Delete some, or ask AWS for more: Service Quotas, Amazon API Gateway.",
            )  # fmt: skip


PROBES = (domain_leads_here, quotas)
