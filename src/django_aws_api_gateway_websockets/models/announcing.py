"""Announce after the commit that connections have begun or ended: send signals, and update the users' presence."""

from __future__ import annotations

from typing import Any, Sequence

from ..delivery.connecting import connecting
from ..signals import session_connected, session_disconnected
from .after_commit import call_after_commit
from .announced import ONLINE, arrive, depart, tracks_presence
from .batches import batches
from .reporting import send_signal


def announce_connected(session: Any) -> None:
    """Announce that the connection of ``session`` is open."""
    if session_connected.has_listeners(type(session)):
        call_after_commit(session.own_row.write_db, _send_connected, session)
    arrive(session, {ONLINE, session.channel_name})


def _send_connected(session: Any) -> None:
    with connecting(session.connection_id):
        send_signal(session_connected, type(session), session=session)


def ends_are_heard(model: Any) -> bool:
    """Return whether the end of a connection of ``model`` must be announced."""
    return session_disconnected.has_listeners(model) or tracks_presence()


def announce_ends(ended: Sequence[Any], using: str) -> None:
    """Announce after the commit that the connections of these rows have ended."""
    for batch in batches(ended):
        call_after_commit(using, _announce_ends, batch, using)


def _announce_ends(ended: Sequence[Any], using: str) -> None:
    for session in ended:
        send_signal(session_disconnected, type(session), session=session, reason=session.closed_reason)
    depart({session.user_id for session in ended}, using)
