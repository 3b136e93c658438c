"""Write the row of a connection at its ``$connect`` and at its ``$disconnect``."""

from __future__ import annotations

from typing import Any

from django.utils.translation import get_language

from ..conf import conf
from ..events import GatewayEvent
from ..exceptions import UnknownConnection
from ..models import ApiGateway, ClosedReason, WebSocketSession
from ..models.rows import MAX_ADDRESS, MAX_USER_AGENT
from .ended_logins import has_ended
from .handshake import HandshakeLogin
from .speaker import find_session, user_of

__all__ = ["check_login_stands", "record_connect", "record_disconnect"]

_MAX_LANGUAGE = 16


def record_connect(
    event: GatewayEvent,
    gateway: ApiGateway,
    user: Any,
    login: HandshakeLogin,
    channel_name: str,
    version: int,
    waits: bool = False,
) -> WebSocketSession:
    """Write and return the row of a new connection. ``user`` is None for anonymous users, ``version`` the protocol's.

    If ``waits`` is true, the connection has no channel and receives nothing until its hand-over. Raise
    ``UnknownConnection`` if the id belongs to another connection, or to one that is closed.
    """
    language = get_language() or ""
    session: WebSocketSession = WebSocketSession.objects.record(
        connection_id=event.connection_id,
        channel_name="" if waits else channel_name,
        connected=not waits,
        closed_reason=ClosedReason.WAITING if waits else "",
        user=user,
        api_gateway=gateway,
        stage_name=event.stage or "",
        session_key_hash=login.session_hash,
        session_auth_hash=login.mark,
        protocol_version=version,
        language=language if len(language) <= _MAX_LANGUAGE else "",
        **(_client(event) if conf.RECORD_CLIENT else {}),
    )
    owner = (user and user.pk, gateway.pk)
    waiting = waits and session.closed_reason == ClosedReason.WAITING
    if not (session.connected or waiting) or (session.user_id, session.api_gateway_id) != owner:
        raise UnknownConnection(f"The connection {session.connection_id} was opened before, or is already closed.")
    return session


def _client(event: GatewayEvent) -> dict[str, str]:
    # A client's headers must not decide whether its row can be written. PostgreSQL cannot store NUL.
    address, agent = event.source_ip or "", event.user_agent.replace("\0", "")
    return {"source_ip": address[:MAX_ADDRESS], "user_agent": agent[:MAX_USER_AGENT]}


def check_login_stands(event: GatewayEvent, login: HandshakeLogin, user: Any) -> None:
    """Raise ``UnknownConnection`` if the login of a ``$connect`` has ended since the handshake began.

    Call this after writing the row. An event that ends the login later finds the row and closes it.
    """
    if has_ended(login.session_hash, user, since=event.received_at):
        raise UnknownConnection("The login under which the connection was opened has ended.")
    if user is not None:
        session = find_session(event)
        if session is None:
            raise UnknownConnection("The user or the gateway of this connection was deleted.")
        user_of(session)


def record_disconnect(event: GatewayEvent, session: WebSocketSession | None) -> None:
    """Mark the row of a connection as closed by the client.

    A ``$disconnect`` may overtake its ``$connect``. In this case, write a closed row for the ``$connect`` to find.
    """
    if session is not None:
        session.mark_disconnected(ClosedReason.CLIENT)
        if session.closed_reason != ClosedReason.CLIENT:
            # The row was already closed. If the reason is GONE or SWEPT, a message could open it again at any moment.
            session.own_row.never_return(ClosedReason.CLIENT)
            session.mark_disconnected(ClosedReason.CLIENT)
        return
    gateway = ApiGateway.objects.filter(api_id=event.api_id).first()
    if gateway is None:
        return
    session = WebSocketSession.objects.record(
        connection_id=event.connection_id, api_gateway=gateway, connected=False, closed_reason=ClosedReason.CLIENT
    )
    if session.connected and session.api_gateway_id == gateway.pk:
        # The $connect wrote its row after the lookup.
        session.mark_disconnected(ClosedReason.CLIENT)
