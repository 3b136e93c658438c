"""Probe an account for the answers in ``answers.py``, with a temporary API."""

from __future__ import annotations

import json
import socket as sockets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator, Mapping, NamedTuple

from ..answers import QUESTIONS, Answer
from ..aws import connections_client, translated
from ..exceptions import WebSocketsError
from ..models import ApiGateway
from .live import RoundTrip
from .probe_api import ProbeApi, closed_address, silent_address
from .websocket import HandshakeFailed, WebSocket

#: The idle limit of API Gateway, in seconds.
IDLE = 600.0
#: How long to wait for $disconnect, and for an answer to a message.
_STEP = 5.0
_QUIET = 2.0
_TIMED = ("ping_resets", "push_resets")


class Probed(NamedTuple):
    """A question and its answer. If ``answer`` is None, the answer is not known, and ``evidence`` gives the reason."""

    name: str
    answer: Answer | None
    evidence: str


def probe(gateway: ApiGateway, idle: float | None = None) -> list[Probed]:
    """Probe the account of ``gateway`` with each question. ``idle``, in seconds, adds those about the idle timer."""
    with silent_address(gateway.is_local) as silent, ProbeApi(gateway) as api:
        return list(_Probe(gateway, api, silent, idle).run())


class _Probe:
    def __init__(self, gateway: ApiGateway, api: ProbeApi, silent: str, idle: float | None) -> None:
        self._gateway, self._api, self._idle = gateway, api, idle
        closed = closed_address(gateway.is_local)
        self._ask: Mapping[str, Callable[[], Probed]] = {
            "connect_5xx": lambda: self._handshake("connect_5xx", {"status": 500}),
            "connect_3xx": lambda: self._handshake("connect_3xx", {"status": 302}),
            "connect_unreachable": lambda: self._handshake("connect_unreachable", {"uri": closed}),
            "connect_timeout": lambda: self._handshake("connect_timeout", {"uri": silent, "timeout": 50}),
            "one_way_5xx": lambda: self._message("one_way_5xx"),
            "one_way_4xx": lambda: self._message("one_way_4xx"),
            "two_way_empty": lambda: self._message("two_way_empty"),
            "disconnect_after_delete": self._delete,
            "disconnect_variables": self._variables,
            "ping_resets": lambda: self._idling("ping_resets", lambda socket, _: socket.ping()),
            "push_resets": lambda: self._idling("push_resets", self._api.push),
        }

    def run(self) -> Iterator[Probed]:
        self._api.deploy("open", status=200)
        self._api.open("open").close()
        with ThreadPoolExecutor(len(_TIMED)) as threads:
            # The idle timers run while the other questions are asked.
            timed = {name: threads.submit(self._ask[name]).result for name in _TIMED if self._idle}
            for name in (question.name for question in QUESTIONS):
                if name in _TIMED and not self._idle:
                    yield Probed(name, None, "The probe was skipped, because it takes 13 minutes. Add --idle.")
                elif name in self._ask:
                    yield self._guarded(name, timed.get(name, self._ask[name]))
                else:
                    yield Probed(name, None, "It cannot be asked. Inspect a request, and write the answer by hand.")

    def _guarded(self, name: str, ask: Callable[[], Probed]) -> Probed:
        try:
            found = ask()
        except (WebSocketsError, OSError) as error:
            return Probed(name, None, f"The probe failed: {error}")
        possible = next(one.answers for one in QUESTIONS if one.name == name)
        if found.answer in possible:
            return found
        return Probed(name, None, f"{found.evidence} The local gateway cannot reproduce this.")

    def _handshake(self, name: str, integration: dict[str, Any]) -> Probed:
        stage = name.replace("_", "-")
        self._api.deploy(stage, **integration)
        try:
            self._api.open(stage).close()
        except HandshakeFailed as refused:
            return Probed(name, refused.status, f"The handshake was answered with {refused.status}.")
        return Probed(name, 101, "The handshake was accepted.")

    def _message(self, route: str) -> Probed:
        socket = self._api.open("open")
        try:
            socket.timeout(_QUIET)
            socket.send(json.dumps({"action": route}))
            try:
                text = socket.receive()
            except sockets.timeout:
                return Probed(route, "nothing", f"Nothing came within {_QUIET:g} s.")
            if text is None:
                return Probed(route, None, "The gateway closed the connection.")
            answer = "frame" if text == "" else "error" if "requestId" in text else "body"
            return Probed(route, answer, f"The client got {text!r}.")
        finally:
            socket.close()

    def _variables(self) -> Probed:
        try:
            self._api.map_to_header("context.disconnectStatusCode", "context.disconnectReason")
        except WebSocketsError as error:
            if getattr(error, "status", None) != 400:
                raise
            return Probed("disconnect_variables", "refused", f"CreateIntegration: {error}")
        return Probed("disconnect_variables", "accepted", "CreateIntegration took both.")

    def _delete(self) -> Probed:
        if not self._gateway.api_created:
            return Probed("disconnect_after_delete", None, "The probe was skipped, because the gateway has no API.")
        trip = RoundTrip(self._gateway)
        socket, session = trip.open()
        try:
            if session is None:
                return Probed(
                    "disconnect_after_delete",
                    None,
                    "The probe was skipped, because the database has no row for the connection.",
                )
            with translated("delete a connection"):
                client = connections_client(self._gateway.connections_url)
                client.delete_connection(ConnectionId=session.connection_id)
            came = trip.is_closed(session, _STEP)
        finally:
            socket.close()
        said = "The row was closed." if came else f"The row was still open after {_STEP:g} s."
        return Probed("disconnect_after_delete", "yes" if came else "no", said)

    def _idling(self, name: str, act: Callable[[WebSocket, str], None]) -> Probed:
        """Act after 0.6 of the limit, and check after 1.3 of it."""
        assert self._idle is not None  # noqa: S101  only asked then
        socket, connection_id = self._api.open_named("open")
        opened = time.monotonic()
        try:
            _until(opened + 0.6 * self._idle)
            act(socket, connection_id)
            open_now = _stays_open(socket, opened + 1.3 * self._idle)
        finally:
            socket.close()
        seconds = time.monotonic() - opened
        said = f"The connection was {'open' if open_now else 'closed'} after {seconds:.0f} s."
        return Probed(name, "yes" if open_now else "no", said)


def _until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _stays_open(socket: WebSocket, until: float) -> bool:
    """Return whether the gateway keeps ``socket`` open until ``until``."""
    while time.monotonic() < until:
        socket.timeout(max(0.01, until - time.monotonic()))
        try:
            if socket.receive() is None:
                return False
        except sockets.timeout:
            return True
        except OSError:
            return False
    return True
