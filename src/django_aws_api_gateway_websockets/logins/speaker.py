"""Who speaks on a connection: its id is the only identity that a message has, so the row decides."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from ..events import GatewayEvent
from ..exceptions import UnknownConnection
from ..models import ClosedReason, WebSocketSession
from ..models.closing import close_connections
from .authority import login_ended


def find_session(event: GatewayEvent) -> WebSocketSession | None:
    """The row of the connection with its gateway and user, in one query; raises for one of another gateway."""
    # Where rows are written: a replica may not know yet that one was opened, or closed.
    sessions = WebSocketSession.objects.using(WebSocketSession.objects.all().write_db)
    try:
        # Not first(), which would order what is unique.
        session = sessions.select_related("user", "api_gateway").get(connection_id=event.connection_id)
    except WebSocketSession.DoesNotExist:
        return None
    if session.api_gateway.api_id != event.api_id:
        raise UnknownConnection("The connection belongs to another gateway.")
    return session


def speak_as(request: HttpRequest, user: Any) -> None:
    """From now on ``request`` is ``user``'s (None: nobody's), for code that waits and for code that does not."""
    request.user = user or AnonymousUser()
    request.auser = partial(_already, request.user)


async def _already(value: Any) -> Any:
    """What ``request.auser`` is once the user is known."""
    return value


def check_may_speak(session: WebSocketSession | None) -> None:
    """Raise ``UnknownConnection`` where the connection is closed or its login has ended. No query where all is well."""
    if session is None:
        raise UnknownConnection("The connection is unknown: its $connect was not recorded here.")
    if not session.connected:
        raise UnknownConnection("The connection is closed.")
    user = session.user
    if user is not None and not user.is_active:
        _close(session, ClosedReason.USER_INACTIVE)
        raise UnknownConnection("The user who opened the connection is no longer active.")
    if user is not None and login_ended(user, session.session_auth_hash):
        _close(session, ClosedReason.PASSWORD_CHANGED)
        raise UnknownConnection("The login under which the connection was opened has ended.")


def _close(session: WebSocketSession, reason: str) -> None:
    """What no signal told of, such as ``User.objects.update(is_active=False)``, is found by the next message."""
    close_connections(WebSocketSession.objects.filter(pk=session.pk), reason)
