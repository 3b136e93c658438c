"""The values that AWS fills in if the caller of the control plane left them out."""

from __future__ import annotations

import time
from typing import Any, Callable

from ..protocol import INTEGRATION_TIMEOUT
from . import unknowns
from .store import Resource


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


DEFAULTS: dict[str, Callable[[], Resource]] = {
    "Api": lambda: {
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "RouteSelectionExpression": unknowns.ROUTE_SELECTION_EXPRESSION,
        "DisableExecuteApiEndpoint": False,
        "CreatedDate": now(),
        "Tags": {},
    },
    "Integration": lambda: {
        "ConnectionType": "INTERNET",
        "IntegrationResponseSelectionExpression": "${integration.response.statuscode}",
        "PassthroughBehavior": "WHEN_NO_MATCH",
        "PayloadFormatVersion": "1.0",
        "TimeoutInMillis": int(INTEGRATION_TIMEOUT * 1000),
    },
    "Route": lambda: {"ApiKeyRequired": False, "AuthorizationType": "NONE"},
    "Stage": lambda: {
        "CreatedDate": now(),
        "DefaultRouteSettings": {
            "DataTraceEnabled": False,
            "DetailedMetricsEnabled": False,
            "LoggingLevel": "OFF",
        },
        "RouteSettings": {},
        "StageVariables": {},
        "Tags": {},
    },
    "Deployment": lambda: {"AutoDeployed": False, "CreatedDate": now(), "DeploymentStatus": "DEPLOYED"},
    "DomainName": lambda: {"ApiMappingSelectionExpression": "$request.basepath", "Tags": {}},
    "ApiMapping": lambda: {"ApiMappingKey": ""},
}


def domain_configurations(given: Any | None, target: str) -> Any:
    """Return a domain's configurations with what AWS adds: the target of the DNS record, and its zone."""
    added = {"ApiGatewayDomainName": target, "DomainNameStatus": "AVAILABLE", "HostedZoneId": "ZLOCALGATEWAY"}
    defaults = {"EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
    return [{**defaults, **configuration, **added} for configuration in given or [{}]]
