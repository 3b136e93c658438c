"""The data plane: connections from their handshake to ``$disconnect``, and the route of each message."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, NamedTuple

from ..answers import Answer, Answers
from ..protocol import CLOSE_GOING_AWAY, CONNECT, DISCONNECT, MAX_URL_CHARS, error_frame, select_route
from . import unknowns
from .addressing import Addressing
from .connections_api import Connections
from .deployments import NoStage, ServedStage, served_stage
from .error_answers import ApiError, Misdirected
from .event_context import new_connection_id, new_event
from .http_messages import Headers, Request, Response, refusal
from .integrations import IntegrationFailed, Integrations, IntegrationTimedOut, Reply
from .log_text import one_line
from .mapping import missing_parameter
from .observer import Observer
from .options import PublicAddress
from .sockets import Client, Socket, Timers
from .store import Resource, Store
from .websocket_handshake import accept_headers, handshake_problem, offered_subprotocols

logger = logging.getLogger("django_aws_api_gateway_websockets.local")


class Accepted(NamedTuple):
    """A handshake that ``$connect`` accepted: the headers of the 101 response, and the socket to run."""

    headers: Headers
    socket: Socket


class DataPlane:
    """Opens connections and calls the integrations of their events. It lives in one event loop."""

    def __init__(
        self,
        store: Store,
        addressing: Addressing,
        public: PublicAddress,
        timers: Timers,
        integrations: Integrations,
        observer: Observer,
        answers: Answers,
    ) -> None:
        self._store, self._addressing, self._public = store, addressing, public
        self._integrations, self._observer, self._answers = integrations, observer, answers
        self._timers = timers
        self._tasks: set[asyncio.Task[None]] = set()
        self._handshakes: set[asyncio.Task[Accepted | Response]] = set()
        self._stopping = False
        self.connections = Connections(observer, answers)

    # -- $connect -------------------------------------------------------------------------------------------

    async def upgrade(self, request: Request) -> Accepted | Response:
        """Wait for the ``$connect`` integration. Return the accepted connection, or the refusal."""
        handshake = asyncio.ensure_future(self._handshake(request))
        self._handshakes.add(handshake)
        if self._stopping:
            handshake.cancel()
        try:
            return await handshake
        except asyncio.CancelledError:
            return refusal(503, "The local gateway is stopping")
        finally:
            self._handshakes.discard(handshake)

    async def _handshake(self, request: Request) -> Accepted | Response:
        connection_id = new_connection_id()
        self._observer.record("handshake", connection_id, *_flat(request))
        answer = await self._answer(request, connection_id)
        if isinstance(answer, Response):
            self._observer.record("refused", connection_id, answer.status, answer.body)
        return answer

    async def _answer(self, request: Request, connection_id: str) -> Accepted | Response:
        if len(request.path) + len(request.query) > MAX_URL_CHARS:
            return refusal(unknowns.URL_TOO_LONG_STATUS, "URI Too Long")
        try:
            stage = self._addressing.stage_at(request, request.segments)
        except NoStage as error:
            return _refused(request, unknowns.UNKNOWN_STAGE_STATUS, str(error), "Forbidden")
        except Misdirected as error:
            return _refused(request, error.status, str(error), str(error))
        problem = handshake_problem(request)
        if problem is not None:
            return refusal(400, problem)
        host = (request.header("Host") or "").strip()
        client = Client(request.peer, request.header("User-Agent"), host)
        return await self._open(stage, Socket(stage.api_id, stage.name, connection_id, client), request)

    async def _open(self, stage: ServedStage, socket: Socket, request: Request) -> Accepted | Response:
        subprotocol = None
        if CONNECT in stage.routes:
            answer = await self._connect(stage, socket, request)
            if isinstance(answer, Response):
                return answer
            subprotocol, socket.user = answer.subprotocol, answer.user
        offered = offered_subprotocols(request)
        return Accepted(accept_headers(request, subprotocol if subprotocol in offered else None), socket)

    async def _connect(self, stage: ServedStage, socket: Socket, request: Request) -> Reply | Response:
        route = stage.routes[CONNECT]
        event = new_event(socket, "CONNECT", CONNECT)._replace(
            headers=self._handshake_headers(stage, request), query=request.query, forwarded=self._forwarded(request)
        )
        if missing_parameter(route, event):
            return refusal(unknowns.MISSING_PARAMETER_STATUS, "Missing required request parameters")
        try:
            reply = await self._integrations.call(route, event, stage.variables)
        except IntegrationTimedOut:
            return self._failed("connect_timeout")
        except IntegrationFailed:
            return self._failed("connect_unreachable")
        if 400 <= reply.status < 500:
            return refusal(reply.status, "Refused by $connect")
        if 200 <= reply.status < 300:
            return reply
        name = "connect_3xx" if 300 <= reply.status < 400 else "connect_5xx"
        return reply if self._answers[name] == 101 else self._failed(name)

    def _failed(self, name: str) -> Response:
        return refusal(int(self._answers[name]), "Bad Gateway")

    def _handshake_headers(self, stage: ServedStage, request: Request) -> Headers:
        """Return the headers that ``$connect`` passes on. A missing User-Agent is filled in later."""
        whose, client = self._answers["connect_user_agent"], request.header("User-Agent")
        if whose == "client" or not client:
            return request.headers
        own = unknowns.USER_AGENT.format(api_id=stage.api_id)
        others = [(name, value) for name, value in request.headers if name.lower() != "user-agent"]
        return [*others, ("User-Agent", own if whose == "gateway" else f"{client}, {own}")]

    def _forwarded(self, request: Request) -> dict[str, str]:
        before = request.header("X-Forwarded-For")
        return {
            "X-Forwarded-For": f"{before}, {request.peer}" if before else request.peer,
            "X-Forwarded-Proto": self._public.scheme,
            "X-Forwarded-Port": str(self._public.port),
        }

    def opened(self, socket: Socket, writer: asyncio.StreamWriter) -> None:
        """Start the life of a connection whose 101 response is on its way."""
        socket.open(writer, self._timers, self.deliver, self._ended)
        self.connections.add(socket)
        self._observer.record("opened", socket.connection_id, socket.api_id, socket.stage, socket.user)
        if served_stage(self._store, socket.api_id, socket.stage) is None:
            self.close_deleted()  # the stage was deleted while $connect was running

    # -- messages -------------------------------------------------------------------------------------------

    async def deliver(self, socket: Socket, text: str) -> None:
        """Handle a message of the client: call the integration of its route, and send a reply or an error frame."""
        event, error = new_event(socket, "MESSAGE", ""), ""
        stage = served_stage(self._store, socket.api_id, socket.stage)
        body = _parsed(text)
        key = select_route(stage.selection_expression, body, stage.routes) if stage else None
        self._observer.record("received", socket.connection_id, text, key)
        if stage is None or key is None:
            error = unknowns.NO_ROUTE_MESSAGE
        else:
            route = stage.routes[key]
            event = event._replace(text=text, body=body, context={**event.context, "routeKey": key})
            try:
                error = self._reply(socket, route, await self._integrations.call(route, event, stage.variables))
            except IntegrationTimedOut:
                error = unknowns.TIMEOUT_MESSAGE
            except IntegrationFailed:
                error = unknowns.UNREACHABLE_MESSAGE
        if error:
            frame = error_frame(error, socket.connection_id, event.context["requestId"])
            self._push_quietly(socket, json.dumps(frame), "error")

    def _reply(self, socket: Socket, route: Resource, reply: Reply) -> str:
        """Send the part of ``reply`` that the client gets.

        Return the text of an error frame if the client gets one instead.
        """
        gets: Answer = "body"
        if route["TwoWay"] and not reply.body:
            gets = self._answers["two_way_empty"]
        elif not route["TwoWay"]:
            failed = f"one_way_{reply.status // 100}xx"
            gets = self._answers.get(failed, "nothing")
        if gets == "error":
            return unknowns.UNREACHABLE_MESSAGE
        if gets != "nothing":
            self._push_quietly(socket, reply.body.decode("utf-8", unknowns.TEXT_ERRORS), "reply")
        return ""

    def _push_quietly(self, socket: Socket, text: str, kind: str) -> None:
        try:
            socket.push(text)
        except ApiError:
            return  # The client has left or does not read, so it cannot receive this.
        self._observer.record(kind, socket.connection_id, text)

    # -- the end --------------------------------------------------------------------------------------------

    def _ended(self, socket: Socket, code: int) -> None:
        self.connections.remove(socket)
        self._observer.record("closed", socket.connection_id, code, socket.end_reason)
        if socket.no_disconnect:
            return
        task = asyncio.get_running_loop().create_task(self._disconnect(socket))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _disconnect(self, socket: Socket) -> None:
        stage = served_stage(self._store, socket.api_id, socket.stage)
        if stage is None or DISCONNECT not in stage.routes:
            return
        try:
            event = new_event(socket, "DISCONNECT", DISCONNECT)
            await self._integrations.call(stage.routes[DISCONNECT], event, stage.variables)
        except IntegrationFailed:
            pass  # $disconnect is best effort, and the failed call has already been logged.

    def close_deleted(self) -> None:
        """Close the connections whose stage or API no longer exists."""
        for socket in self.connections.all():
            if self._store.get("Stage", socket.api_id, socket.stage) is None:
                socket.close(unknowns.DELETED_CLOSE_CODE, "Stage deleted")

    async def stop(self, seconds: float) -> None:
        """Refuse handshakes with 503 and close connections with 1001.

        Wait at most ``seconds`` for the clients to answer and for ``$disconnect`` calls to finish.
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


def _refused(request: Request, status: int, why: str, message: str) -> Response:
    """Log ``why`` for the developer. The client gets ``message``."""
    logger.warning("%d %s: %s", status, one_line(request.path), one_line(why, 400))
    return refusal(status, message)


def _flat(request: Request) -> tuple[Any, ...]:
    return request.path, request.query, tuple(request.headers), request.peer


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
