"""The API that a gateway row asks for, as pure data: what provisioning compares with AWS and applies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping

from . import protocol

DEFAULT_STAGE = "production"
DEFAULT_ROUTE_SELECTION = "$request.body.action"
DEFAULT_API_KEY_SELECTION = "$request.header.x-api-key"
DEFAULT_TIMEOUT_MILLIS = int(protocol.INTEGRATION_TIMEOUT * 1000)
#: The tag by which an API is found again when the answer to its creation was lost.
OWNER_TAG = "django-websockets-gateway"

_HEADER = "integration.request.header."
#: The request parameter that holds the gateway's secret: plans and exports show it masked.
SECRET_PARAMETER = _HEADER + protocol.SECRET_HEADER


@dataclass(frozen=True)
class RouteDefinition:
    """A route key and the HTTP_PROXY integration behind it; ``two_way``: what the backend answers is sent back."""

    route_key: str
    integration_uri: str
    # Holds the secret, so it is not shown.
    request_parameters: Mapping[str, str] = field(repr=False)
    timeout_millis: int = DEFAULT_TIMEOUT_MILLIS
    two_way: bool = False


@dataclass(frozen=True)
class StageDefinition:
    """A stage; ``throttling_*`` None: the account's own limit."""

    name: str = DEFAULT_STAGE
    description: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    throttling_rate: float | None = None
    throttling_burst: int | None = None
    access_log_destination: str = ""
    access_log_format: str = ""
    logging_level: str = "OFF"
    detailed_metrics: bool = False
    client_certificate_id: str = ""


@dataclass(frozen=True)
class DomainDefinition:
    """A regional custom domain; ``hosted_zone_id`` is set where its alias records are ours to keep."""

    name: str
    certificate_arn: str
    mapping_key: str = ""
    hosted_zone_id: str = ""


@dataclass(frozen=True)
class ApiDefinition:
    """A WebSocket API: its routes with their integrations, its stage, and its custom domain if it has one."""

    name: str
    description: str = ""
    route_selection_expression: str = DEFAULT_ROUTE_SELECTION
    api_key_selection_expression: str = DEFAULT_API_KEY_SELECTION
    disable_execute_api_endpoint: bool = False
    ip_address_type: str = "ipv4"
    tags: Mapping[str, str] = field(default_factory=dict)
    routes: tuple[RouteDefinition, ...] = ()
    stage: StageDefinition = StageDefinition()
    domain: DomainDefinition | None = None


def integration_uri(base: str, route_key: str) -> str:
    """Where the integration of ``route_key`` points: the base endpoint plus the route's name without ``$``."""
    return base.rstrip("/") + "/" + protocol.route_path(route_key)


def request_parameters(route_key: str, secret: str) -> dict[str, str]:
    """The headers that an integration writes: who is speaking, about what, and the proof of where from."""
    mapped = {_HEADER + name: source for name, source in protocol.CONTEXT_HEADERS.items()}
    mapped[SECRET_PARAMETER] = f"'{secret}'"
    if route_key == protocol.CONNECT:
        # Servers answer 400 to a plain POST that claims to be a WebSocket handshake of version 13.
        mapped[_HEADER + "Sec-WebSocket-Version"] = "'0'"
    elif route_key != protocol.DISCONNECT:
        mapped[_HEADER + protocol.MESSAGE_ID_HEADER] = "context.messageId"
    return mapped
