"""The user of a message. A message is identified only by its connection id, so the session row decides."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from ..events import GatewayEvent
from ..exceptions import UnknownConnection
from ..models import ApiGateway, ClosedReason, WebSocketSession
from ..models.closing import close_for_good
from ..models.gateways import SERVING
from ..models.rows import MAY_RETURN
from ..models.sessions import WebSocketSessionQuerySet
from .authority import backend_of_mark, current_user, visible_users

__all__ = [
    "LoginEnded",
    "check_may_speak",
    "find_session",
    "find_speaking_session",
    "open_again",
    "set_user",
    "user_of",
]

_VISIBLE = "user_is_visible"


class LoginEnded(UnknownConnection):
    """The login of a connection is no longer valid. ``reason`` is one of ``ClosedReason``."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def find_session(event: GatewayEvent, whole_gateway: bool = True) -> WebSocketSession | None:
    """Return the row of the connection with its gateway and user, in one query.

    ``whole_gateway``: whether to load the fields of the gateway that serve no connections. Raise ``UnknownConnection``
    if the connection belongs to another gateway.
    """
    session = _find(event.connection_id, whole_gateway)
    if session is not None and session.api_gateway.api_id != event.api_id:
        raise UnknownConnection("The connection belongs to another gateway.")
    return session


def find_speaking_session(event: GatewayEvent, whole_gateway: bool = True) -> WebSocketSession | None:
    """Return the row of the connection that sent a message, as ``find_session`` does.

    If a hand-over has replaced the connection, return the row of the new connection.
    """
    session = find_session(event, whole_gateway)
    while session is not None and session.closed_reason == ClosedReason.MOVED:
        session = _find(session.hand_over_with, whole_gateway)
    return session


@lru_cache(maxsize=None)
def _joined_rows(whole_gateway: bool) -> WebSocketSessionQuerySet:
    """Return the session rows with user and gateway.

    The gateway fields that serve no connections are half of all columns. Without them, a message costs a tenth less.
    """
    others = (field.name for field in ApiGateway._meta.concrete_fields if field.name not in SERVING)
    joined = WebSocketSession.objects.select_related("user", "api_gateway")
    return joined if whole_gateway else joined.defer(*(f"api_gateway__{name}" for name in others))


def _find(connection_id: str, whole_gateway: bool) -> WebSocketSession | None:
    # Read from the database for writing, because a replica may not know yet that a row was opened or closed.
    sessions = _joined_rows(whole_gateway)
    sessions = sessions.using(sessions.write_db)
    users = visible_users(sessions.db)
    if users is not None:
        sessions = sessions.annotate(**{_VISIBLE: Exists(users.filter(pk=OuterRef("user_id")))})
    try:
        # Use get() and not first(), which would sort the rows although the id is unique.
        return sessions.get(connection_id=connection_id)
    except WebSocketSession.DoesNotExist:
        return None


def set_user(request: HttpRequest, user: Any) -> None:
    """Make ``user`` the user of ``request``, also for async code. None is the anonymous user."""
    request.user = user or AnonymousUser()
    request.auser = partial(_already, request.user)


async def _already(value: Any) -> Any:
    """Return ``value``. This is what ``request.auser`` does once the user is known."""
    return value


def user_of(session: WebSocketSession) -> Any:
    """Return the user of the connection, or None if it is anonymous.

    Raise ``LoginEnded`` if a page with the same login would not get this user either.
    """
    user = session.user
    if user is None:
        return None
    backend = backend_of_mark(user, session.session_auth_hash)
    current = None
    if backend is not None:
        current = current_user(user, backend, visible=getattr(session, _VISIBLE, True))
    if current is not None:
        return current
    if backend is not None or not getattr(user, "is_active", True):
        raise LoginEnded("The user who opened the connection is no longer active.", ClosedReason.USER_INACTIVE)
    raise LoginEnded("The login under which the connection was opened has ended.", ClosedReason.PASSWORD_CHANGED)


def check_may_speak(session: WebSocketSession | None) -> Any:
    """Return the user of a message on this connection, or None. Raise ``UnknownConnection`` if the connection may not
    send.

    This costs no query while the login is valid. Otherwise, it closes the connection, because some changes send no
    signal. An example is ``User.objects.update(is_active=False)``. A row that was closed because AWS did not know the
    connection may send too. Open it with ``open_again``.
    """
    if session is None:
        raise UnknownConnection("The connection is unknown. Its $connect was not recorded here.")
    if not session.connected and session.closed_reason not in (*MAY_RETURN, ClosedReason.WAITING):
        raise UnknownConnection("The connection is closed.")
    try:
        return user_of(session)
    except LoginEnded as ended:
        close_for_good(WebSocketSession.objects.filter(pk=session.pk), ended.reason)
        raise


def open_again(session: WebSocketSession) -> None:
    """Open the row again if it was closed because AWS did not know the connection, as its client still speaks."""
    if session.closed_reason in MAY_RETURN:
        session.reopen()
