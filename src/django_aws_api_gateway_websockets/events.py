"""An HTTP request read as an API Gateway event: the one place where it must prove where it came from."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Mapping

from django.http import HttpRequest

from . import protocol
from .conf import conf
from .exceptions import MissingHeaders, NotFromGateway
from .security.gateway_secret import is_gateway_secret


@dataclass(frozen=True)
class GatewayEvent:
    """What API Gateway says of one connect, disconnect or message.

    Only ``api_id`` and ``connection_id`` are read from a request that carries no secret: the other
    headers mean something only when an integration of ours has written them.
    """

    api_id: str
    connection_id: str
    proven: bool
    event_type: str | None = None  # CONNECT, MESSAGE or DISCONNECT
    route_key: str | None = None
    stage: str | None = None
    request_id: str | None = None
    message_id: str | None = None
    source_ip: str | None = None
    connected_at: str | None = None  # milliseconds since the epoch
    domain_name: str | None = None
    received_at: float = field(default_factory=time.time, compare=False)  # seconds since the epoch

    @classmethod
    def from_request(cls, request: HttpRequest) -> GatewayEvent:
        """Read ``request`` without its body and without a query; raises ``EventRefused``."""
        headers = request.headers
        api_id = headers.get(protocol.API_ID_HEADER, "")
        proven = _prove(api_id, headers.get(protocol.SECRET_HEADER))
        connection_id = headers.get(protocol.CONNECTION_ID_HEADER, "")
        if not connection_id:
            raise MissingHeaders(
                f"The header {protocol.CONNECTION_ID_HEADER} is missing: "
                "the integration must map it to context.connectionId."
            )
        if not protocol.is_connection_id(connection_id):
            raise MissingHeaders(f"The header {protocol.CONNECTION_ID_HEADER} holds no connection id.")
        if not proven:
            return cls(api_id, connection_id, proven)
        return cls(
            api_id,
            connection_id,
            proven,
            event_type=_single(headers, protocol.EVENT_TYPE_HEADER),
            route_key=headers.get(protocol.ROUTE_KEY_HEADER),
            stage=_single(headers, protocol.STAGE_HEADER),
            request_id=_single(headers, protocol.REQUEST_ID_HEADER),
            message_id=_single(headers, protocol.MESSAGE_ID_HEADER),
            source_ip=_single(headers, protocol.SOURCE_IP_HEADER),
            connected_at=_single(headers, protocol.CONNECTED_AT_HEADER),
            domain_name=_single(headers, protocol.DOMAIN_NAME_HEADER),
        )


def _single(headers: Mapping[str, str], name: str) -> str | None:
    """The value that the gateway mapped; raises where a server has joined one of the client's to it.

    A client may send ``X_Websocket_Stage``, and WSGI has one name for both. Servers should drop such names.
    """
    value = headers.get(name)
    if value is not None and "," in value:
        raise NotFromGateway(f"The header {name} came twice: the server should drop names with underscores.")
    return value


def _prove(api_id: str, secret: str | None) -> bool:
    """Whether the request carried its gateway's secret; raises where it had to and did not."""
    if not api_id:
        raise NotFromGateway(f"The header {protocol.API_ID_HEADER} is missing: this is no request of API Gateway.")
    if not protocol.is_api_id(api_id):
        raise NotFromGateway(f"The header {protocol.API_ID_HEADER} holds no API id.")
    if secret is None:
        if conf.REQUIRE_SECRET:
            raise NotFromGateway(
                f"The header {protocol.SECRET_HEADER} is missing. Gateways that this package creates send it; "
                "for one that was made by hand, run updateApiGateway."
            )
        return False
    if not is_gateway_secret(api_id, secret):
        raise NotFromGateway(
            f"The header {protocol.SECRET_HEADER} does not hold this gateway's secret. If SECRET_KEY was changed, "
            "keep the old one in SECRET_KEY_FALLBACKS until the gateway has been updated."
        )
    return True
