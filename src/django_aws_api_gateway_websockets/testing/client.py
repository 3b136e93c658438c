"""Test tools for a site: a gateway in process, without a network and without AWS.

::

    client = GatewayClient()
    client.force_login(user)
    socket = client.connect("/ws/", channel="Chatroom 1")
    socket.send_json({"action": "hello"})
    assert socket.receive_json() == {"hello": "you"}
    socket.disconnect()

Events go through ``urls.py`` and the middleware, with CSRF checks on. ``send_message`` runs up to the point at which
boto3 would post.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, Iterable, Mapping

from django.db.models import F
from django.test import Client

from ..models import ApiGateway, WebSocketSession
from ..models.announced import AnnouncedUser
from ..models.departures import find_departures
from ..security.channel_rules import as_text
from ..security.limits import CONNECTS_OF_ADDRESS, CONNECTS_OF_USER, REFUSED_ORIGINS, forget
from .commits import committed
from .faults import Faults
from .sent import Sent, check_recipient, described
from .sockets import SOURCE_IP, GatewaySocket


class GatewayClient(Faults):
    """A browser with a cookie jar, in front of a gateway that calls the URLs of this process.

    Events have the scheme and the host of the gateway's target, and so has the ``Origin`` of handshakes. ``defaults``
    are those of ``django.test.Client``, and apply to every event. ``SERVER_NAME`` becomes the host of a gateway that
    this client creates.
    """

    def __init__(self, gateway: ApiGateway | None = None, **defaults: Any) -> None:
        self._browser = Client(enforce_csrf_checks=True, **defaults)
        self._defaults = defaults
        self._gateway = gateway
        self._opened: list[GatewaySocket] = []
        # Reset the limits of the address, so that earlier tests do not count.
        forget(CONNECTS_OF_ADDRESS, SOURCE_IP)
        forget(REFUSED_ORIGINS, SOURCE_IP)

    def force_login(self, user: Any) -> None:
        """Log ``user`` in, as ``django.test.Client`` does. Connects of this user are counted from here."""
        forget(CONNECTS_OF_USER, str(user.pk))
        self._browser.force_login(user)

    def login(self, **credentials: Any) -> bool:
        return self._browser.login(**credentials)

    def logout(self) -> None:
        self._browser.logout()

    @property
    def cookies(self) -> Any:
        return self._browser.cookies

    def connect(
        self,
        path: str,
        channel: str | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> GatewaySocket:
        """Open a socket to the view mounted under ``path`` (without the route). Raise ``HandshakeRefused``.

        ``headers`` are the browser's headers. By default, the handshake comes from a page of the site itself. Pass
        ``{"Origin": "https://elsewhere.example"}`` for another page, or an ``Origin`` of None for a client that sends
        none.
        """
        if channel is not None and not isinstance(as_text(channel), str):
            raise TypeError(f"connect takes the name of a channel, not {channel!r:.80}.")
        ours = self._browser.defaults
        gateway = self._gateway or _gateway_for(ours.get("HTTP_HOST") or ours.get("SERVER_NAME", "testserver"), path)
        socket = GatewaySocket(gateway, **self._defaults)
        self._opened.append(socket)
        parameters = {**({} if channel is None else {"channel": channel}), **(query or {})}
        handshake = {"Origin": socket.origin, "Sec-WebSocket-Version": "13"}
        for name, value in (headers or {}).items():
            if value is None:
                handshake.pop(name, None)
            else:
                handshake[name] = value
        socket._open(self._browser, parameters, handshake)
        return socket

    def travel(self, duration: timedelta, *sockets: Any) -> None:
        """Let time pass, for all sockets of this client or for some.

        API Gateway closes connections that have been idle for 10 minutes or open for 2 hours. If you pass no sockets,
        the signals of users who have left are sent too, as the clean-up sends them.
        """
        super().travel(duration, *sockets)
        if not sockets:
            AnnouncedUser.objects.filter(check_after__isnull=False).update(check_after=F("check_after") - duration)
            with committed():
                find_departures(WebSocketSession.objects.all())

    def sent(self, to: Any = None, containing: Any = None) -> list[Sent]:
        """Return the messages sent through the gateways of this client's sockets, to ``to`` and with ``containing``.

        ``to`` is a socket, a session row, a user or a channel name. ``containing`` is a text, or a dict whose keys and
        values must be in the message.
        """
        check_recipient(to)
        managements = {id(socket._management): socket._management for socket in self._opened}
        posted = [one for management in managements.values() for one in management.posted]
        rows = {row.connection_id: row for row in _rows_of({connection_id for connection_id, _ in posted})}
        found = [Sent(rows.get(connection_id), connection_id, data.decode()) for connection_id, data in posted]
        return [one for one in found if one.is_to(to) and one.contains(containing)]

    def assert_sent(self, to: Any = None, containing: Any = None) -> None:
        """Raise ``AssertionError`` unless such a message was sent. See :meth:`sent`."""
        if not self.sent(to, containing):
            raise AssertionError(f"No message to {to!r} contains {containing!r}. {described(self.sent())}")

    def assert_not_sent(self, to: Any = None, containing: Any = None) -> None:
        """Raise ``AssertionError`` if such a message was sent. See :meth:`sent`."""
        found = self.sent(to, containing)
        if found:
            raise AssertionError(f"{len(found)} messages to {to!r} contain {containing!r}. {described(found)}")

    def _sockets(self) -> Iterable[Any]:
        return list(self._opened)


def _gateway_for(host: str, path: str) -> ApiGateway:
    """Return the gateway for the view under ``path``. It is created on first use, in the test's own transaction."""
    base = f"https://{host}/{path.strip('/')}/"
    known = ApiGateway.objects.filter(target_base_endpoint=base, api_created=True).order_by("pk").first()
    return known or ApiGateway.objects.create(
        target_base_endpoint=base,
        api_name=f"In process: {path}",
        api_id=secrets.token_hex(5),
        api_endpoint=f"wss://{secrets.token_hex(5)}.in-process.invalid",
        api_created=True,
    )


def _rows_of(connection_ids: set[str]) -> Iterable[WebSocketSession]:
    return WebSocketSession.objects.filter(connection_id__in=connection_ids).prefetch_related("memberships")
