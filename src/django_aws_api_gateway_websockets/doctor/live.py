"""The live round trip: connect, message, push, disconnect.

Each step is timed, and the report names a step that fails.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import Any, Callable, Iterator
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest

from ..exceptions import WebSocketsError
from ..logins.tokens import QUERY_PARAMETER, make_token
from ..models import ApiGateway, WebSocketSession
from .finding import ERROR, INFO, Finding, Hop
from .websocket import HandshakeFailed, WebSocket

_TIMEOUT = 3.0

_REFUSALS = {
    400: "The view is missing something that a proxy may have removed, such as headers with underscores. Check the "
    "site's log.",
    401: "The view requires a login. Use --user.",
    403: "The view refused the handshake: check a login (--user), the origin (--origin), "
    "the channel (--channel), or the secret "
    "(updateApiGateway). The site's log shows the reason.",
    404: "No URL of the site matches. Correct the target base endpoint.",
    429: "A rate limit is reached. Wait a minute.",
}
_FAILED = "The site failed, did not answer in time, or the gateway cannot reach it. Check the site's log."


class RoundTrip:
    """A round trip through ``gateway``. ``hops`` are the steps that succeeded."""

    def __init__(self, gateway: ApiGateway, user: Any = None, origin: str = "", channel: str = "") -> None:
        self.hops: list[Hop] = []
        self._gateway, self._user = gateway, user
        target = urlsplit(gateway.target_base_endpoint)
        self._origin = origin or f"{target.scheme}://{target.netloc}"
        self._channel = channel or f"doctor-{secrets.token_hex(6)}"

    def run(self) -> Iterator[Finding]:
        if not self._gateway.websocket_url:
            return
        try:
            socket, session = self.open()
        except HandshakeFailed as error:
            yield Finding(ERROR, "live-connect", f"connect: {error}", _REFUSALS.get(error.status, _FAILED))
            return
        except OSError as error:
            yield Finding(
                ERROR,
                "live-connect",
                f"connect: {error}",
                "Check that the gateway is running, and check its DNS record and TLS.",
            )
            return
        if session is None:
            socket.close()
            yield Finding(
                ERROR, "live-row", "connect: the gateway opened the socket, but this database has no row for it.",
                "The gateway's site uses another database, or connect() of your view does not call super().",
            )  # fmt: skip
            return
        for hop in (self._message, self._push, self._disconnect):
            found = hop(socket, session)
            if found is not None:
                yield found
                if found.level == ERROR:
                    return

    def open(self) -> tuple[WebSocket, WebSocketSession | None]:
        """Connect. Return the socket and its row, or None if this database has no row."""
        known = set(self._rows().values_list("pk", flat=True))
        socket = self._timed("connect", self._connect)
        return socket, self._rows().exclude(pk__in=known).order_by("-pk").first()

    def is_closed(self, session: WebSocketSession, seconds: float = _TIMEOUT) -> bool:
        """Return whether the row is marked as closed within ``seconds``."""
        end = time.monotonic() + seconds
        while WebSocketSession.objects.filter(pk=session.pk, connected=True).exists():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def _rows(self) -> Any:
        return WebSocketSession.objects.filter(api_gateway=self._gateway, channel_name=self._channel, connected=True)

    def _connect(self) -> WebSocket:
        query = {"channel": self._channel}
        if self._user is not None:
            request = HttpRequest()
            request.user = self._user
            query[QUERY_PARAMETER] = make_token(request)
        url = f"{self._gateway.websocket_url}?{urlencode(query)}"
        return WebSocket(url, {"Origin": self._origin, "User-Agent": "websockets-doctor"}, _TIMEOUT)

    def _message(self, socket: WebSocket, session: WebSocketSession) -> Finding | None:
        """Send a beat, as the JavaScript client does."""
        try:
            answer = self._timed("message", lambda: self._asked(socket))
        except OSError:
            return Finding(
                INFO, "live-message", "message: the view did not answer a beat.",
                "One-way routes return no errors. Look at the site's log, unless your default handler sends nothing.",
            )  # fmt: skip
        if "Internal server error" in (answer or ""):
            return Finding(ERROR, "live-message", f"message: the gateway answered {answer}", _FAILED)
        return None

    def _asked(self, socket: WebSocket) -> str | None:
        socket.send(json.dumps({"action": "_ws", "_ws": {"v": 1, "beat": True}}))
        return socket.receive()

    def _push(self, socket: WebSocket, session: WebSocketSession) -> Finding | None:
        mark = secrets.token_hex(8)
        try:
            self._timed("push", lambda: self._pushed(socket, session, mark))
        except (WebSocketsError, OSError) as error:
            remedy = (
                f"Check the credentials and 'iamPolicy --for sending', and that {_callback(self._gateway)} is served."
            )
            return Finding(ERROR, "live-push", f"push: {error}", remedy)
        return None

    def _pushed(self, socket: WebSocket, session: WebSocketSession, mark: str) -> None:
        session.send_message({"_ws": {"doctor": mark}})
        text: str | None = ""
        while text is not None and mark not in text:
            text = socket.receive()
        if text is None:
            raise ConnectionResetError("The gateway closed the socket.")

    def _disconnect(self, socket: WebSocket, session: WebSocketSession) -> Finding | None:
        def closed() -> None:
            socket.close()
            if not self.is_closed(session):
                raise TimeoutError("The row is still marked as connected.")

        try:
            self._timed("disconnect", closed)
        except OSError as error:
            remedy = "AWS delivers $disconnect on a best-effort basis. If it never arrives, check the site's log."
            return Finding(INFO, "live-disconnect", f"disconnect: {error}", remedy)
        return None

    def _timed(self, name: str, do: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = do()
        self.hops.append(Hop(name, time.perf_counter() - started))
        return result


def _callback(gateway: ApiGateway) -> str:
    try:
        return gateway.connections_url
    except WebSocketsError:
        return "the callback URL"
