"""Hand-overs: a new connection takes the place of one that API Gateway will close. See docs/protocol.md.

The row of the new connection is first written as not connected, with ``closed_reason="waiting"``. The move marks this
row as connected, and the old row as not connected, with ``closed_reason="moved"``. Sends therefore reach only one of
the two connections. Both sockets are open, so closing one connection also closes the other ones of its hand-over.
"""

from __future__ import annotations

from typing import Any, Iterable

from django.db.models import Q
from django.utils import timezone

from .batches import batches
from .jobs import Socket
from .rows import WAITING, ClosedReason, SessionRows


def successor_of(session: Any) -> Any:
    """Return the row of the connection that replaced ``session``, or None."""
    found = session.own_row.filter(closed_reason=ClosedReason.MOVED).values_list("hand_over_with", flat=True).first()
    return session.own_row.written().filter(connection_id=found).first() if found else None


def with_successors(rows: SessionRows[Any], keys: Iterable[Any]) -> list[Any]:
    """Return ``keys`` and the primary keys of the rows that replaced these rows."""
    keys = list(keys)
    moved = rows.written().filter(pk__in=keys, connected=False, closed_reason=ClosedReason.MOVED)
    ids = list(moved.exclude(hand_over_with="").values_list("hand_over_with", flat=True))
    return keys + list(rows.written().filter(connection_id__in=ids).values_list("pk", flat=True)) if ids else keys


def close_companions(closed: SessionRows[Any], reason: str) -> list[Socket]:
    """Mark the other connections of the hand-overs of ``closed`` as closed. Return their sockets.

    ``closed`` are rows that were just marked as closed. The other connections are those that these rows replaced, those
    that replaced these rows, and those that wait under the same login. They get no goodbye, because the page gets it on
    the connection of ``closed``. A waiting connection of an anonymous user stays open, but its move is refused when its
    old connection is closed.
    """
    rows = closed.written()
    ids, logins = set(), set()
    for other, user, session_hash in closed.values_list("hand_over_with", "user", "session_key_hash"):
        ids.add(other)
        logins.add((user, session_hash))
    ids -= {""}
    users = {user for user, _ in logins if user is not None}
    found: list[Any] = []
    if ids:
        found += rows.filter(Q(connected=True) | Q(closed_reason=ClosedReason.MOVED), connection_id__in=ids)
    if users:
        waiting = rows.filter(WAITING, user__in=users)
        found += [row for row in waiting if (row.user_id, row.session_key_hash) in logins]
    for batch in batches(row.pk for row in found):
        these = rows.filter(pk__in=batch)
        these.mark_disconnected(reason)
        these.filter(closed_reason=ClosedReason.MOVED).update(closed_reason=reason, updated_on=timezone.now())
    return [Socket(row.connection_id, row.api_gateway_id, row.stage_name) for row in found]
