"""The sockets of the in-process gateway, and its ``@connections`` API."""

from __future__ import annotations

import base64
import json
import secrets
from collections import deque
from datetime import timedelta
from typing import Any, Mapping
from urllib.parse import SplitResult, urlsplit
from weakref import WeakValueDictionary

from django.core.exceptions import DisallowedHost
from django.db.models import F
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.urls import is_valid_path
from django.utils import timezone

from .. import protocol
from ..definition import RouteDefinition
from ..delivery.transport import Call, Target, in_process
from ..exceptions import ConnectionGone
from ..models import ApiGateway, WebSocketSession
from ..security.channel_rules import as_text
from .commits import committed
from .faults import Fault

_KEY = protocol.RESERVED_KEY
_EVENT_TYPES = {protocol.CONNECT: "CONNECT", protocol.DISCONNECT: "DISCONNECT"}
#: Every client of a test run has this address.
SOURCE_IP = "127.0.0.1"


class HandshakeRefused(AssertionError):
    """The view refused ``$connect``. ``response`` is its response, and ``status_code`` is what a client would see."""

    def __init__(self, response: Any, path: str) -> None:
        super().__init__(f"$connect was refused with {response.status_code}: {_why(response, path)}")
        self.response: HttpResponse = response
        self.status_code: int = response.status_code


def _why(response: Any, path: str) -> str:
    if response.status_code == 404 and not is_valid_path(path):
        return f"no URL matches {path!r}. Connect to where the view is mounted: '/ws/' for 'ws/<slug:route>'."
    if "Location" in response:
        return f"a redirect to {response['Location']}, which a gateway does not follow."
    try:
        response.wsgi_request.get_host()
    except DisallowedHost as error:
        return str(error)
    content: bytes = response.content
    return content.decode()[:500]


class GatewaySocket:
    """An open socket. ``response`` is the view's response to the last event."""

    def __init__(self, gateway: ApiGateway, **defaults: Any) -> None:
        self.gateway = gateway
        self._defaults = defaults
        self._management = _management_of(gateway)
        # AWS's ids have this form: base64 of 11 bytes, ending in "=".
        self.connection_id = base64.b64encode(secrets.token_bytes(11)).decode().translate({43: "-", 47: "_"})
        self.response: HttpResponse = HttpResponse()
        self._routes = {route.route_key: route for route in gateway.definition().routes}
        self._received: deque[bytes] = deque()
        #: The faults that answer sends to this socket. Without a fault, messages arrive.
        self.fault: Fault | None = None
        # Messages carry no cookie. The browser only makes the handshake.
        self._bare = Client(enforce_csrf_checks=True, **defaults)
        self._open_now = False

    @property
    def origin(self) -> str:
        """The origin of the site's own pages, to which the gateway posts."""
        target = self._target(protocol.CONNECT)
        return f"{target.scheme}://{target.netloc}"

    @property
    def session(self) -> WebSocketSession:
        """The row of this connection, read again from the database."""
        return WebSocketSession.objects.get(connection_id=self.connection_id)

    def send_json(self, data: Any) -> HttpResponse:
        """Send ``data`` as a client would. Return the view's response, which a one-way route does not deliver."""
        return self.send(json.dumps(data))

    def send(self, text: str) -> HttpResponse:
        """Send a text frame. It goes to the route that the gateway's selection expression selects."""
        # Bytes that are not UTF-8 are for the view to refuse.
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"send takes a text, not {type(text).__name__}. For a dict or a list, use send_json.")
        if not self._open_now:
            raise AssertionError("The socket is closed.")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = None
        key = protocol.select_route(self.gateway.route_selection_expression, body, self._routes)
        if key is None:
            raise AssertionError("No route takes this message, and the gateway has no $default.")
        self._last_message_at = timezone.now()
        return self._event(self._bare, key, text)

    def join(self, channel_name: str, at: str | None = None) -> Any:
        """Join a channel with a protocol frame, as the browser's ``GatewaySocket`` does. Return the answer's ``_ws``.

        ``at`` is a position. The missed messages follow as a frame that you receive. Presence needs a socket that was
        opened with ``query={"ws_v": "1"}``.
        """
        # An empty name is for the view to refuse.
        name = as_text(channel_name)
        if not isinstance(name, str):
            raise TypeError(f"join takes the name of a channel, not {channel_name!r:.80}.")
        wanted = {"id": secrets.token_hex(12), "join": {name: at}}
        self.send_json({protocol.selecting_key(self.gateway.route_selection_expression): _KEY, _KEY: wanted})
        for data in self._received:
            frame = json.loads(data) if b'"reply"' in data else {}
            if isinstance(frame, dict) and frame.get(_KEY, {}).get("reply") == wanted["id"]:
                self._received.remove(data)
                return frame[_KEY]
        raise AssertionError(f"The join got no answer. The view answered {self.response.status_code}.")

    def receive_json(self) -> Any:
        """Return the oldest message not yet received."""
        return json.loads(self.receive())

    def receive(self) -> str:
        if not self._received:
            raise AssertionError(f"Nothing was sent to {self.connection_id}.")
        return self._received.popleft().decode()

    def receive_all(self) -> list[Any]:
        """Return every message not yet received, the oldest first."""
        found = [json.loads(data) for data in self._received]
        self._received.clear()
        return found

    def receive_nothing(self) -> bool:
        """Return whether all messages have been received."""
        return not self._received

    @property
    def closed(self) -> bool:
        """Whether either side has closed the socket."""
        return not self._open_now

    def disconnect(self) -> HttpResponse:
        """Close the socket from the client's side."""
        self._open_now = False
        return self._event(self._bare, protocol.DISCONNECT)

    def vanish(self) -> None:
        """Lose the connection, as a phone in a tunnel does. No ``$disconnect`` arrives."""
        self._open_now = False

    def age(self) -> None:
        """Make the connection an hour old.

        Rows of new connections stay open after a 410, because ``$connect`` may still be running.
        """
        WebSocketSession.objects.filter(connection_id=self.connection_id).update(
            created_on=timezone.now() - timedelta(hours=1)
        )

    def travel(self, duration: timedelta) -> None:
        """Make the connection and its row older by ``duration``.

        API Gateway closes a connection without a message for 10 minutes, and any connection after 2 hours.
        """
        WebSocketSession.objects.filter(connection_id=self.connection_id).update(
            **{name: F(name) - duration for name in ("created_on", "updated_on", "last_activity_on")}
        )
        self._opened_at -= duration
        self._last_message_at -= duration
        now = timezone.now()
        too_old = now - self._opened_at >= timedelta(seconds=protocol.MAX_CONNECTION_AGE)
        idle = now - self._last_message_at >= timedelta(seconds=protocol.IDLE_TIMEOUT)
        if self._open_now and (too_old or idle):
            self.disconnect()

    def repeat_connect(self, user: Any = None, channel: str | None = None) -> HttpResponse:
        """Deliver another ``$connect`` with this connection's id, as a retry does. Return the view's response."""
        browser = Client(enforce_csrf_checks=True, **self._defaults)
        if user is not None:
            browser.force_login(user)
        query = {} if channel is None else {"channel": channel}
        return self._event(browser, protocol.CONNECT, headers={"Origin": self.origin}, query=query)

    def event_headers(self, route_key: str) -> dict[str, str]:
        """Return the headers of an event of this connection, for ``RequestFactory`` and for forgeries."""
        return self._gateway_headers(self._routes[route_key], _EVENT_TYPES.get(route_key, "MESSAGE"))

    def _open(self, browser: Client, query: Mapping[str, str], handshake: Mapping[str, str]) -> None:
        response = self._event(browser, protocol.CONNECT, headers=handshake, query=query)
        if not 200 <= response.status_code < 300:
            raise HandshakeRefused(response, self._target(protocol.CONNECT).path)
        self._open_now = True
        self._opened_at = self._last_message_at = timezone.now()
        self._management.sockets[self.connection_id] = self

    def _event(
        self,
        client: Client,
        route_key: str,
        text: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        parameters = QueryDict(mutable=True)
        parameters.update(query or {})
        suffix = f"?{parameters.urlencode()}" if parameters else ""
        # Values mapped by the integration replace the client's.
        mapped = self.event_headers(route_key)
        if any(name.lower() == "user-agent" for name in headers or {}):
            del mapped["User-Agent"]  # API Gateway adds its own if the client sent none
        names = {name.lower() for name in mapped}
        own = {name: value for name, value in (headers or {}).items() if name.lower() not in names}
        target = self._target(route_key)
        with committed():
            response: Any = client.post(
                target.path + suffix,
                data=text,
                content_type="application/json",
                secure=target.scheme == "https",
                headers={"Host": target.netloc, **own, **mapped},
            )
        self.response = response
        return self.response

    def _target(self, route_key: str) -> SplitResult:
        return urlsplit(self._routes[route_key].integration_uri)

    def _gateway_headers(self, route: RouteDefinition, event_type: str) -> dict[str, str]:
        """The headers that API Gateway adds, and those that the integration maps."""
        context = {
            "context.connectionId": self.connection_id,
            "context.requestId": secrets.token_hex(8),
            "context.messageId": secrets.token_hex(8),
            "context.identity.sourceIp": SOURCE_IP,
            "context.eventType": event_type,
            "context.connectedAt": "0",
            "context.routeKey": route.route_key,
            "context.stage": self.gateway.stage,
            "context.domainName": "testserver",
        }
        headers = {
            "User-Agent": f"AmazonAPIGateway_{self.gateway.api_id}",
            protocol.API_ID_HEADER: self.gateway.api_id or "",
            protocol.TRACE_ID_HEADER: f"Root=1-{secrets.token_hex(4)}-{secrets.token_hex(12)}",
        }
        prefix = "integration.request.header."
        for target, source in route.request_parameters.items():
            headers[target[len(prefix) :]] = context.get(source, source.strip("'"))
        return headers


class _Management:
    """The ``@connections`` API of one gateway. It exists as long as a socket refers to it, so it ends with the test."""

    def __init__(self) -> None:
        self.sockets: WeakValueDictionary[str, GatewaySocket] = WeakValueDictionary()
        self.posted: list[tuple[str, bytes]] = []

    def __call__(self, target: Target, call: Call) -> Any:
        socket = self.sockets.get(target.connection_id)
        if socket is None or not socket._open_now:
            raise ConnectionGone("The socket is closed.", operation=call.operation, status=410)
        if call.operation == "PostToConnection":
            error = socket.fault.error() if socket.fault else None
            if error is None or (socket.fault and socket.fault.delivers):
                socket._received.append(call.data)
                self.posted.append((socket.connection_id, bytes(call.data)))
            if error is not None:
                raise error
        elif call.operation == "DeleteConnection":
            socket._open_now = False
        else:
            identity = {"SourceIp": "127.0.0.1", "UserAgent": ""}
            return {"ConnectedAt": socket._opened_at, "LastActiveAt": timezone.now(), "Identity": identity}
        return None


def _management_of(gateway: ApiGateway) -> _Management:
    url = gateway.connections_url
    known = in_process.get(url)
    management = known if isinstance(known, _Management) else _Management()
    in_process[url] = management
    return management
