"""The context variables of an event, and the ids in them."""

from __future__ import annotations

import base64
import secrets
import time

from .mapping import Event
from .sockets import Socket


def new_event(socket: Socket, event_type: str, route_key: str) -> Event:
    """Return an event of ``socket`` that happens now. ``event_type`` is CONNECT, MESSAGE or DISCONNECT."""
    now = time.time()
    context = {
        "apiId": socket.api_id,
        "stage": socket.stage,
        "connectionId": socket.connection_id,
        "connectedAt": str(int(socket.connected_at * 1000)),
        "domainName": socket.client.domain_name,
        "eventType": event_type,
        "routeKey": route_key,
        "requestId": _token(11),
        "extendedRequestId": _token(11),
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": str(int(now * 1000)),
        "identity.sourceIp": socket.client.source_ip,
    }
    if socket.client.user_agent is not None:
        context["identity.userAgent"] = socket.client.user_agent
    if event_type == "MESSAGE":
        context["messageId"] = _token(11)
    trace_id = f"Root=1-{int(now):08x}-{secrets.token_hex(12)}"
    return Event(context, [], "", "", None, {}, trace_id)


def new_connection_id() -> str:
    """Return an id in AWS's form, such as ``L0SM9cOFvHcCIhw=``. The AWS CLI would read a leading ``-`` as an option."""
    found = _token(11)
    return new_connection_id() if found.startswith("-") else found


def _token(size: int) -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(size)).decode()
