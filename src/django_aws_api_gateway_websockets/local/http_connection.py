"""HTTP/1.1 on one TCP connection, using h11, until it ends or becomes a WebSocket."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
from typing import Any, Awaitable, Callable

import h11

from . import unknowns
from .data_plane import Accepted, DataPlane
from .http_messages import Headers, Request, Response, json_response
from .websocket_handshake import wants_upgrade

logger = logging.getLogger("django_aws_api_gateway_websockets.local")

_READ_BYTES = 64 * 1024
_MAX_HEAD_BYTES = 64 * 1024
_MAX_BODY_BYTES = 6 * 1024 * 1024
_KEEP_ALIVE_SECONDS = 75.0


class HttpConnection:
    """Serves one client. ``run`` returns when the TCP connection is over.

    ``answer`` answers every request that is not a WebSocket handshake.
    """

    def __init__(
        self,
        answer: Callable[[Request], Awaitable[Response]],
        data_plane: DataPlane,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._answer_plain, self._data_plane = answer, data_plane
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)
        self._head_only = False
        self._peer = str((writer.get_extra_info("peername") or ("",))[0])
        raw = writer.get_extra_info("socket")
        if raw is not None and raw.family in (sockets.AF_INET, sockets.AF_INET6):
            raw.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)

    async def run(self) -> None:
        try:
            while await self._serve_one():
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            await self._refuse_protocol_error(error)
        except (OSError, asyncio.TimeoutError):
            pass  # the client left, or sent nothing for too long
        finally:
            self._writer.close()

    async def _serve_one(self) -> bool:
        """Read and answer one request. Return whether another may follow."""
        request = await self._read_request()
        if request is None:
            return False
        if isinstance(request, Response):
            await self._respond(request, close=True)
            return False
        if wants_upgrade(request):
            return await self._upgrade(request)
        await self._respond(await self._answer(request))
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._answer_plain(request)
        except Exception:
            logger.exception("%s %r failed", request.method, request.path)
            return json_response(500, {"message": "Internal server error"})

    async def _read_request(self) -> Request | Response | None:
        """Return the next request, a Response if it is too large, or None at the end of the connection."""
        head: Any = await self._next_event()
        if not isinstance(head, h11.Request):
            return None
        self._head_only = head.method == b"HEAD"
        body = bytearray()
        while True:
            event = await self._next_event()
            if isinstance(event, h11.EndOfMessage):
                break
            if not isinstance(event, h11.Data):
                return None
            body += event.data
            if len(body) > _MAX_BODY_BYTES:
                return json_response(413, {"message": "Request body too large"})
        path, _, query = head.target.decode("latin-1").partition("?")
        headers = [
            # aiohttp writes headers in UTF-8, so the backend gets the bytes that the client sent.
            (name.decode("ascii"), value.decode("utf-8", unknowns.TEXT_ERRORS))
            for name, value in head.headers.raw_items()
        ]
        return Request(head.method.decode("ascii"), path, query, headers, bytes(body), self._peer)

    async def _next_event(self) -> Any:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
            data = await asyncio.wait_for(self._reader.read(_READ_BYTES), _KEEP_ALIVE_SECONDS)
            self._http.receive_data(data)

    async def _upgrade(self, request: Request) -> bool:
        answer = await self._data_plane.upgrade(request)
        if isinstance(answer, Accepted):
            self._send(h11.InformationalResponse(status_code=101, headers=_encoded(answer.headers)))
            data, _ = self._http.trailing_data
            self._data_plane.opened(answer.socket, self._writer)
            await answer.socket.run(self._reader, data)
        else:
            await self._respond(answer, close=True)
        return False

    async def _respond(self, response: Response, close: bool = False) -> None:
        headers = list(response.headers)
        if response.status != 204:
            headers.append(("Content-Length", str(len(response.body))))
        if close:
            headers.append(("Connection", "close"))
        self._send(h11.Response(status_code=response.status, headers=_encoded(headers)))
        if response.body and not self._head_only:
            self._send(h11.Data(data=response.body))
        self._send(h11.EndOfMessage())
        await self._writer.drain()

    async def _refuse_protocol_error(self, error: h11.RemoteProtocolError) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            message = {"message": "Bad Request"}
            await self._respond(json_response(error.error_status_hint, message), close=True)

    def _send(self, event: Any) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)


def _encoded(headers: Headers) -> Any:
    return [(name.encode("ascii"), value.encode()) for name, value in headers]
