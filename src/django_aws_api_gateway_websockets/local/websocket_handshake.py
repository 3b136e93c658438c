"""The WebSocket handshake of RFC 6455."""

from __future__ import annotations

import base64
import binascii
import hashlib

from .http_messages import Headers, Request

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def wants_upgrade(request: Request) -> bool:
    return (request.header("Upgrade") or "").lower() == "websocket"


def handshake_problem(request: Request) -> str | None:
    """Return what is wrong with an upgrade request, or None."""
    connection = [part.strip().lower() for part in (request.header("Connection") or "").split(",")]
    if request.method != "GET" or "upgrade" not in connection:
        return "Not a WebSocket handshake: expected GET with Connection: Upgrade"
    if request.header("Sec-WebSocket-Version") != "13":
        return "Sec-WebSocket-Version must be 13"
    try:
        key = base64.b64decode(request.header("Sec-WebSocket-Key") or "", validate=True)
    except binascii.Error:
        key = b""
    return None if len(key) == 16 else "Sec-WebSocket-Key must be 16 bytes in base64"


def offered_subprotocols(request: Request) -> list[str]:
    values = [value for name, value in request.headers if name.lower() == "sec-websocket-protocol"]
    return [part.strip() for part in ",".join(values).split(",") if part.strip()]


def accept_headers(request: Request, subprotocol: str | None) -> Headers:
    """Return the headers of the 101 response. No extension is accepted."""
    key = (request.header("Sec-WebSocket-Key") or "").strip()
    # The RFC requires this hash, and it protects nothing.
    digest = hashlib.sha1((key + _GUID).encode()).digest()  # noqa: S324
    headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", base64.b64encode(digest).decode()),
    ]
    return [*headers, ("Sec-WebSocket-Protocol", subprotocol)] if subprotocol else headers
