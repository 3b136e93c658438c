"""Read an HTTP request as an event of API Gateway, and check that it came from one of the site's gateways."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Mapping

from django.http import HttpRequest

from . import protocol
from .conf import conf
from .exceptions import InvalidBody, MissingHeaders, NotFromGateway
from .security.gateway_secret import is_gateway_secret

__all__ = ["GatewayEvent"]

_EXPECTED_TYPES = {protocol.CONNECT: "CONNECT", protocol.DISCONNECT: "DISCONNECT"}


@dataclass(frozen=True)
class GatewayEvent:
    """One connect, disconnect or message, as the gateway describes it in headers.

    Without the secret, only ``api_id`` and ``connection_id`` are read. The other headers are only reliable if an
    integration of this package has written them.
    """

    api_id: str
    connection_id: str
    proven: bool  # Whether the request carried the secret of its gateway.
    event_type: str | None = None  # CONNECT, MESSAGE or DISCONNECT
    source_ip: str | None = None
    user_agent: str = ""  # The client's own on $connect; empty if it sent none.
    stage: str | None = None
    received_at: float = field(default_factory=time.time, compare=False)  # seconds since the epoch

    @classmethod
    def from_request(cls, request: HttpRequest) -> GatewayEvent:
        """Return the event in ``request`` without reading its body or the database. Raise ``EventRefused``."""
        headers = request.headers
        api_id = headers.get(protocol.API_ID_HEADER, "")
        proven = _prove(api_id, headers.get(protocol.SECRET_HEADER))
        connection_id = headers.get(protocol.CONNECTION_ID_HEADER, "")
        if not connection_id:
            raise MissingHeaders(
                f"The header {protocol.CONNECTION_ID_HEADER} is missing. "
                "The integration must map it to context.connectionId."
            )
        if not protocol.is_connection_id(connection_id):
            raise MissingHeaders(f"The header {protocol.CONNECTION_ID_HEADER} does not contain a connection id.")
        if not proven:
            return cls(api_id, connection_id, proven)
        return cls(
            api_id,
            connection_id,
            proven,
            event_type=_single(headers, protocol.EVENT_TYPE_HEADER),
            source_ip=_single(headers, protocol.SOURCE_IP_HEADER),
            user_agent=protocol.client_user_agent(headers.get("User-Agent", "")),
            stage=_single(headers, protocol.STAGE_HEADER),
        )

    def check_type(self, route_key: str) -> None:
        """Raise ``InvalidBody`` if the event does not belong to ``route_key``.

        Otherwise, a custom route with the key ``connect`` could call methods that only the gateway may call.
        """
        expected = _EXPECTED_TYPES.get(route_key, "MESSAGE")
        if self.event_type is not None and self.event_type != expected:
            name = protocol.route_path(route_key)
            raise InvalidBody(f"The route {name!r} takes {expected} events, not {self.event_type}.")


def _single(headers: Mapping[str, str], name: str) -> str | None:
    """Return the value that the gateway mapped. Raise ``NotFromGateway`` if a server joined it with a client's value.

    A client may send ``X_Websocket_Stage``, and WSGI uses the same name for both spellings. Servers should drop such
    headers.
    """
    value = headers.get(name)
    if value is not None and "," in value:
        raise NotFromGateway(
            f"The header {name} has two values. Configure your server to drop header names with underscores."
        )
    return value


def _prove(api_id: str, secret: str | None) -> bool:
    """Return whether the request carried the secret of its gateway. Raise ``NotFromGateway`` if it is wrong."""
    if not api_id:
        raise NotFromGateway(f"The header {protocol.API_ID_HEADER} is missing. API Gateway sends it with every event.")
    if not protocol.is_api_id(api_id):
        raise NotFromGateway(f"The header {protocol.API_ID_HEADER} does not contain an API id.")
    if secret is None:
        if conf.REQUIRE_SECRET:
            raise NotFromGateway(
                f"The header {protocol.SECRET_HEADER} is missing. Gateways created by this package send it. For an "
                "imported gateway, run updateApiGateway."
            )
        return False
    if not is_gateway_secret(api_id, secret):
        raise NotFromGateway(
            f"The header {protocol.SECRET_HEADER} does not contain the secret of this gateway. If you changed "
            "SECRET_KEY, keep the old key in SECRET_KEY_FALLBACKS until you have updated the gateway."
        )
    return True
