"""Hand-overs: the token that names a connection, and the checks of a move. See docs/protocol.md.

The token is signed. It proves that the client received it on the connection that it names. Nothing is stored, because
the row of the old connection is not connected after the move, so a second move is refused.
"""

from __future__ import annotations

import time
from functools import partial

from django.core import signing
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from ..events import GatewayEvent
from ..exceptions import TokenRefused, UnknownConnection
from ..models import ChannelMembership, ClosedReason, WebSocketSession, activity
from ..models.announcing import announce_connected, announce_ends
from ..models.closing import close_connections
from .ended_logins import has_ended
from .speaker import check_may_speak, find_session

__all__ = ["check_waits", "hand_over", "hand_over_token", "waits_for_move"]

#: Seconds for which a token is valid.
MAX_AGE = 60
_SALT = "django_aws_api_gateway_websockets.hand_over"


def waits_for_move(request: HttpRequest) -> bool:
    """Return whether a handshake opens a connection that waits for its hand-over."""
    return request.GET.get("ws_wait") == "1"


def hand_over_token(session: WebSocketSession) -> str:
    """Return a token that allows another connection of the same user to take the place of ``session``."""
    content = [session.connection_id, _user(session), time.time()]
    return signing.dumps(content, salt=_SALT)


def hand_over(event: GatewayEvent, session: WebSocketSession, token: str) -> None:
    """Let ``session``, whose message is ``event``, take the place of the connection that ``token`` names.

    ``session`` is then connected, and has the channels of that connection. Raise ``TokenRefused`` or
    ``UnknownConnection`` if the move is not allowed.
    """
    try:
        connection_id, user, issued = signing.loads(token, salt=_SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        raise TokenRefused("The token of the hand-over is invalid or expired. Get a new one with a beat.") from None
    if user != _user(session):
        raise TokenRefused("The token of the hand-over belongs to a connection of another user.")
    if not _move(session, connection_id):
        raise TokenRefused("The old connection of the hand-over is closed, or was replaced by another one.")
    # The row is connected now, so a logout from now on closes it. This check finds an earlier logout.
    if has_ended(session.session_key_hash, session.user, since=issued):
        close_connections(WebSocketSession.objects.filter(pk=session.pk), ClosedReason.LOGOUT)
        raise TokenRefused("The login under which the connection was opened has ended.")
    check_may_speak(find_session(event))


def _move(new: WebSocketSession, old_id: str) -> bool:
    """Let the waiting row ``new`` take the place of the connection ``old_id`` of the same user, in one transaction.

    Return False if ``old_id`` is not connected, or if ``new`` is not waiting. Return True for a repeated move.
    """
    rows = WebSocketSession.objects.using(new.own_row.db)
    now = timezone.now()
    with transaction.atomic(using=rows.db):
        # If two moves arrive at the same time, this UPDATE succeeds for one of them only.
        same = {"user": new.user_id, "api_gateway": new.api_gateway_id, "stage_name": new.stage_name}
        moved = rows.filter(connection_id=old_id, connected=True, **same).update(
            connected=False, closed_reason=ClosedReason.MOVED, hand_over_with=new.connection_id, updated_on=now
        )
        if not moved:
            return bool(new.own_row.filter(connected=True, hand_over_with=old_id).exists())
        old = rows.filter(connection_id=old_id).select_for_update().values("pk", "channel_name").get()
        values = {"connected": True, "closed_reason": "", "channel_name": old["channel_name"], "hand_over_with": old_id}
        if not new.own_row.filter(closed_reason=ClosedReason.WAITING).update(**values, updated_on=now):
            transaction.set_rollback(True, using=rows.db)
            return False
        ChannelMembership.objects.using(rows.db).filter(session=old["pk"]).update(session=new.pk)
        announce_ends(rows.heard([old["pk"]], ClosedReason.MOVED), rows.db)
        transaction.on_commit(partial(activity.count, ClosedReason.MOVED), using=rows.db)
    for name, value in values.items():
        setattr(new, name, value)
    announce_connected(new)
    return True


def check_waits(session: WebSocketSession | None, moves: bool) -> None:
    """Raise ``UnknownConnection`` if a waiting connection sends a message other than its move."""
    if session is not None and session.closed_reason == ClosedReason.WAITING and not moves:
        raise UnknownConnection("The connection waits for its hand-over. Until then, it cannot send other messages.")


def _user(session: WebSocketSession) -> str:
    return "" if session.user_id is None else str(session.user_id)
