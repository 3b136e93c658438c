"""The data plane: which API, stage and route a request or a message belongs to, and what becomes of it."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import secrets
import time
from typing import Any, NamedTuple

from ..protocol import CLOSE_GOING_AWAY, CONNECT, DISCONNECT, MAX_URL_CHARS, error_frame, select_route
from . import unknowns
from .connections import Connections
from .control import ControlPlane
from .deployments import NoStage, ServedStage, find_stage, served_stage
from .errors import ApiError, Forbidden, Gone
from .handshake import accept_headers, handshake_problem, offered_subprotocols
from .integrations import IntegrationFailed, Integrations, IntegrationTimedOut, Reply
from .mapping import Event, missing_parameter
from .sockets import Client, Socket, Timers
from .state import Resource, Store
from .wire import Headers, Request, Response, error_response, refusal
from .words import one_line

logger = logging.getLogger("django_aws_api_gateway_websockets.local")


class Accepted(NamedTuple):
    """A handshake that ``$connect`` let pass: the headers of the 101, and the socket to run."""

    headers: Headers
    socket: Socket


class Gateway:
    """``address`` is ``HOST:PORT``. Lives in one event loop."""

    def __init__(self, store: Store, address: str, timers: Timers, integrations: Integrations) -> None:
        self._store, self._address = store, address
        self._control = ControlPlane(store, f"ws://{address}")
        self._integrations = integrations
        self._timers = timers
        self._tasks: set[asyncio.Task[None]] = set()
        self._handshakes: set[asyncio.Task[Accepted | Response]] = set()
        self._stopping = False
        self.connections = Connections()

    # -- plain HTTP -----------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        """The control plane, ``@connections`` and the index page."""
        try:
            return self._answer(request)
        except ApiError as error:
            return error_response(error)
        except NoStage:
            return error_response(Forbidden("Forbidden"))

    def _answer(self, request: Request) -> Response:
        if request.header("Origin") is not None or request.header("Sec-Fetch-Site") not in (None, "none"):
            # No SDK sends these. A page in the developer's browser must not get at the control plane.
            raise Forbidden("Requests of web pages are not served")
        if request.path.startswith("/v2/"):
            return self._control.handle(request)
        if "@connections" in request.segments:
            segments = request.segments
            place = segments.index("@connections")
            stage = self._stage_at(request, segments[:place])
            return self.connections.handle(request, stage.api_id, stage.name, "/".join(segments[place + 1 :]))
        if request.path == "/" and request.method == "GET":
            return self._index()
        self._stage_at(request, request.segments)
        return refusal(unknowns.UPGRADE_REQUIRED_STATUS, "Upgrade Required")

    def _index(self) -> Response:
        lines = ["Local API Gateway for WebSocket APIs", ""]
        lines += [
            f"{api['Name']}: ws://{self._address}/{ids[0]}/{stage['StageName']}"
            for ids, api in self._store.children("Api")
            for _, stage in self._store.children("Stage", ids[0])
        ]
        return Response(200, [("Content-Type", "text/plain; charset=utf-8")], "\n".join([*lines, ""]).encode())

    def _stage_at(self, request: Request, segments: list[str]) -> ServedStage:
        """The stage of ``/API_ID/STAGE``, or of a custom domain with its mapping key. Raises NoStage."""
        segments = [segment for segment in segments if segment]
        domain = self._domain_of(request.host)
        if domain is not None:
            key = "/".join(segments)
            for _, mapping in self._store.children("ApiMapping", domain):
                if mapping["ApiMappingKey"] == key:
                    return find_stage(self._store, mapping["ApiId"], mapping["Stage"])
            raise NoStage(f"the domain {domain} has no API mapping with the key {key!r}")
        if len(segments) != 2:
            raise NoStage(f"expected /API_ID/STAGE, for {request.host} is no custom domain here")
        stage = find_stage(self._store, *segments)
        if stage.execute_api_disabled:
            raise NoStage(f"API {stage.api_id} is served at its custom domain only")
        return stage

    def _domain_of(self, host: str) -> str | None:
        """The custom domain that serves ``host``: that name, else the wildcard for its first label."""
        names = (host, f"*.{host.partition('.')[2]}")
        return next((name for name in names if self._store.get("DomainName", name) is not None), None)

    # -- $connect -------------------------------------------------------------------------------------------

    async def upgrade(self, request: Request) -> Accepted | Response:
        """Waits for the ``$connect`` integration; then either the connection or the refusal."""
        handshake = asyncio.ensure_future(self._handshake(request))
        self._handshakes.add(handshake)
        if self._stopping:
            handshake.cancel()
        try:
            return await handshake
        except asyncio.CancelledError:
            return refusal(503, "The gateway is stopping")
        finally:
            self._handshakes.discard(handshake)

    async def _handshake(self, request: Request) -> Accepted | Response:
        if len(request.path) + len(request.query) > MAX_URL_CHARS:
            return refusal(unknowns.URL_TOO_LONG_STATUS, "URI Too Long")
        try:
            stage = self._stage_at(request, request.segments)
        except NoStage as error:
            status = unknowns.UNKNOWN_STAGE_STATUS
            logger.warning("%d %s: %s", status, one_line(request.path), one_line(str(error)))
            return refusal(status, "Forbidden")
        problem = handshake_problem(request)
        if problem is not None:
            return refusal(400, problem)
        host = (request.header("Host") or self._address).strip()
        client = Client(request.peer, request.header("User-Agent"), host)
        socket = Socket(stage.api_id, stage.name, new_connection_id(), client)
        subprotocol = None
        if CONNECT in stage.routes:
            answer = await self._connect(stage, socket, request)
            if isinstance(answer, Response):
                return answer
            subprotocol = answer.subprotocol
        offered = offered_subprotocols(request)
        return Accepted(accept_headers(request, subprotocol if subprotocol in offered else None), socket)

    async def _connect(self, stage: ServedStage, socket: Socket, request: Request) -> Reply | Response:
        route = stage.routes[CONNECT]
        event = self._event(socket, "CONNECT", CONNECT)._replace(
            headers=request.headers, query=request.query, forwarded=self._forwarded(request)
        )
        if missing_parameter(route, event):
            return refusal(unknowns.MISSING_PARAMETER_STATUS, "Missing required request parameters")
        try:
            reply = await self._integrations.call(route, event, stage.variables)
        except IntegrationFailed:
            return refusal(unknowns.CONNECT_FAILED_STATUS, "Bad Gateway")
        if 400 <= reply.status < 500:
            return refusal(reply.status, "Refused by $connect")
        if not 200 <= reply.status < 300:
            return refusal(unknowns.CONNECT_FAILED_STATUS, "Bad Gateway")
        return reply

    def _forwarded(self, request: Request) -> dict[str, str]:
        before = request.header("X-Forwarded-For")
        return {
            "X-Forwarded-For": f"{before}, {request.peer}" if before else request.peer,
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Port": self._address.rpartition(":")[2],
        }

    def opened(self, socket: Socket, writer: asyncio.StreamWriter) -> None:
        """The 101 is on its way: the connection exists from now on."""
        socket.open(writer, self._timers, self._message, self._gone)
        self.connections.add(socket)

    # -- messages and the end -------------------------------------------------------------------------------

    async def _message(self, socket: Socket, text: str) -> None:
        event, frame = self._event(socket, "MESSAGE", ""), ""
        stage = served_stage(self._store, socket.api_id, socket.stage)
        body = _parsed(text)
        key = select_route(stage.selection_expression, body, stage.routes) if stage else None
        if stage is None or key is None:
            frame = unknowns.NO_ROUTE_MESSAGE
        else:
            route = stage.routes[key]
            event = event._replace(text=text, body=body, context={**event.context, "routeKey": key})
            try:
                self._reply(socket, route, await self._integrations.call(route, event, stage.variables))
            except IntegrationTimedOut:
                frame = unknowns.TIMEOUT_MESSAGE
            except IntegrationFailed:
                frame = unknowns.UNREACHABLE_MESSAGE
        if frame:
            self._send_error(socket, frame, event.context["requestId"])

    def _reply(self, socket: Socket, route: Resource, reply: Reply) -> None:
        if route["TwoWay"] and (reply.body or unknowns.EMPTY_REPLY_SENDS_FRAME):
            _push_quietly(socket, reply.body.decode("utf-8", unknowns.TEXT_ERRORS))
        elif not route["TwoWay"] and reply.status >= 400 and unknowns.ONE_WAY_ERROR_SENDS_FRAME:
            raise IntegrationFailed(f"status {reply.status}")

    def _send_error(self, socket: Socket, message: str, request_id: str) -> None:
        _push_quietly(socket, json.dumps(error_frame(message, socket.connection_id, request_id)))

    def _gone(self, socket: Socket, code: int) -> None:
        self.connections.remove(socket)
        task = asyncio.get_running_loop().create_task(self._disconnect(socket))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _disconnect(self, socket: Socket) -> None:
        stage = served_stage(self._store, socket.api_id, socket.stage)
        if stage is None or DISCONNECT not in stage.routes:
            return
        try:
            event = self._event(socket, "DISCONNECT", DISCONNECT)
            await self._integrations.call(stage.routes[DISCONNECT], event, stage.variables)
        except IntegrationFailed:
            pass  # best effort, as on AWS; the call has been logged

    async def stop(self, seconds: float) -> None:
        """Refuses handshakes with 503 and closes connections with 1001.

        Waits so long at most for clients to answer, and for the ``$disconnect`` calls that are under way.
        """
        self._stopping = True
        for handshake in self._handshakes:
            handshake.cancel()
        sockets = self.connections.all()
        for socket in sockets:
            socket.close(CLOSE_GOING_AWAY, "Going away")
        pending = {*self._tasks, *(asyncio.ensure_future(socket.finished.wait()) for socket in sockets)}
        if pending:
            await asyncio.wait(pending, timeout=seconds)

    def _event(self, socket: Socket, event_type: str, route_key: str) -> Event:
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


def _push_quietly(socket: Socket, text: str) -> None:
    try:
        socket.push(text)
    except (Gone, ApiError):
        pass  # the client has left, or does not read: there is nobody to tell


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _token(size: int) -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(size)).decode()


def new_connection_id() -> str:
    """An id in AWS's form, such as ``L0SM9cOFvHcCIhw=``. A ``-`` in front would make the AWS CLI see an option."""
    found = _token(11)
    return new_connection_id() if found.startswith("-") else found
