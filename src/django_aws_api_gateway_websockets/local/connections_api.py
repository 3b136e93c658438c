"""The ``@connections`` API: push to an open connection, describe it, close it."""

from __future__ import annotations

import time

from ..answers import Answers
from ..protocol import CLOSE_NORMAL, MAX_MESSAGE_BYTES, is_connection_id
from . import unknowns
from .error_answers import ApiError, BadRequest, Forbidden, Gone, PayloadTooLarge
from .http_messages import Request, Response, json_response
from .observer import Observer
from .sockets import Socket


class Connections:
    """The open connections by id. A connection is added when its ``$connect`` has succeeded."""

    def __init__(self, observer: Observer, answers: Answers) -> None:
        self._observer, self._answers = observer, answers
        self._open: dict[str, Socket] = {}

    def add(self, socket: Socket) -> None:
        self._open[socket.connection_id] = socket

    def remove(self, socket: Socket) -> None:
        self._open.pop(socket.connection_id, None)

    def all(self) -> list[Socket]:
        return list(self._open.values())

    def get(self, connection_id: str) -> Socket | None:
        return self._open.get(connection_id)

    async def handle(self, request: Request, api_id: str, stage: str, connection_id: str) -> Response:
        """Answer a request for a connection of ``stage``. Raise ApiError to refuse it."""
        if request.method not in ("POST", "GET", "DELETE"):
            raise Forbidden(f"Unsupported method {request.method}")
        if not is_connection_id(connection_id):
            raise BadRequest(f"Invalid connectionId: {connection_id}")
        if request.method == "POST" and len(request.body) > MAX_MESSAGE_BYTES:
            raise PayloadTooLarge(f"Message too long: at most {MAX_MESSAGE_BYTES} bytes")
        if request.method == "POST":
            await self._push(api_id, stage, connection_id, request.body.decode("utf-8", unknowns.TEXT_ERRORS))
            return json_response(200, None)
        socket = self._find(api_id, stage, connection_id)
        if request.method == "DELETE":
            socket.no_disconnect = self._answers["disconnect_after_delete"] == "no"
            socket.close(CLOSE_NORMAL, "Connection Closed Normally", "deleted by @connections")
            return json_response(204, None)
        return json_response(200, _described(socket))

    async def _push(self, api_id: str, stage: str, connection_id: str, text: str) -> None:
        try:
            await self._observer.before_push(connection_id)
            self._find(api_id, stage, connection_id).push(text)
        except ApiError as error:
            self._observer.record("push", connection_id, text, error.status, str(error))
            raise
        self._observer.record("push", connection_id, text, 200, "")

    def _find(self, api_id: str, stage: str, connection_id: str) -> Socket:
        socket: Socket | None = self._open.get(connection_id)
        if socket is None:
            raise Gone("Gone")
        if (socket.api_id, socket.stage) != (api_id, stage):
            raise Forbidden("Forbidden")
        return socket


def _described(socket: Socket) -> dict[str, object]:
    return {
        "connectedAt": _iso(socket.connected_at),
        "identity": {"sourceIp": socket.client.source_ip, "userAgent": socket.client.user_agent or ""},
        "lastActiveAt": _iso(socket.last_active_at),
    }


def _iso(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"
