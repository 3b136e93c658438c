"""The API that a gateway row asks for, as pure data. Provisioning compares it with AWS and applies it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping

from . import properties, protocol

DEFAULT_STAGE = "production"
#: This tag marks a resource in AWS as belonging to one gateway row. Its value is the row's ``reference``.
OWNER_TAG = "django-websockets-gateway"

_HEADER = "integration.request.header."
#: The request parameter that holds the gateway's secret.
SECRET_PARAMETER = _HEADER + protocol.SECRET_HEADER


class HiddenStr(str):
    """A string whose ``repr`` shows nothing, so that tracebacks and logs do not reveal it."""

    def __repr__(self) -> str:
        return "'(hidden)'"


@dataclass(frozen=True)
class RouteDefinition:
    """A route key and the HTTP_PROXY integration behind it.

    ``two_way``: API Gateway sends the body of the backend's response to the client.
    """

    route_key: str
    integration_uri: str
    request_parameters: Mapping[str, str] = field(repr=False)
    #: The integration's other properties, with AWS's names.
    properties: Mapping[str, Any] = field(default_factory=dict)
    two_way: bool = False


@dataclass(frozen=True)
class StageDefinition:
    """A stage. ``properties`` has AWS's names."""

    name: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class DomainDefinition:
    """A custom domain and the mapping from it to the stage.

    ``hosted_zone_id`` is set if the gateway manages the DNS record of the domain.
    """

    name: str
    properties: Mapping[str, Any]
    mapping_key: str = ""
    hosted_zone_id: str = ""


@dataclass(frozen=True)
class ApiDefinition:
    """A WebSocket API: its routes with their integrations, its stage, and its custom domain if it has one."""

    name: str
    properties: Mapping[str, Any]
    stage: StageDefinition
    tags: Mapping[str, str] = field(default_factory=dict)
    routes: tuple[RouteDefinition, ...] = ()
    domain: DomainDefinition | None = None

    @property
    def deployed(self) -> dict[str, Any]:
        """Return the properties that only take effect with a deployment, without those at their defaults."""
        table = (one for one in properties.API if one.deployed)
        return {one.name: self.properties[one.name] for one in table if self.properties[one.name] != one.default}


def integration_uri(base: str, route_key: str) -> str:
    """Return the URL of the integration of ``route_key``: the base endpoint and the route's name without ``$``."""
    return base.rstrip("/") + "/" + protocol.route_path(route_key)


def request_parameters(route_key: str, secret: str) -> dict[str, str]:
    """Return the headers that an integration writes: the connection, the event, and the gateway's secret."""
    mapped = {_HEADER + name: source for name, source in protocol.CONTEXT_HEADERS.items()}
    mapped[SECRET_PARAMETER] = HiddenStr(f"'{secret}'")
    if route_key == protocol.CONNECT:
        # Servers answer 400 to a plain POST that claims to be a WebSocket handshake of version 13.
        mapped[_HEADER + "Sec-WebSocket-Version"] = "'0'"
    elif route_key != protocol.DISCONNECT:
        mapped[_HEADER + protocol.MESSAGE_ID_HEADER] = "context.messageId"
    return mapped


def is_reference(source: str) -> bool:
    """Return whether the value of a request parameter refers to the request, rather than being a static text."""
    return source.startswith(("context.", "route.request.", "stageVariables."))
