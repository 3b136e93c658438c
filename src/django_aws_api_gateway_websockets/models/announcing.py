"""Announce that connections have begun and ended, after the commit: by signals, and to the presence of their users."""

from __future__ import annotations

from functools import partial
from typing import Any, Sequence

from django.db import transaction

from ..delivery.connecting import connecting
from ..signals import session_connected, session_disconnected
from .announced import ONLINE, arrive, depart, is_heard, tracks_presence
from .batches import batches
from .reporting import send_signal


def announce_connected(session: Any) -> None:
    """Announce a connection that the view has accepted."""
    if session.is_new and is_heard(session_connected):
        transaction.on_commit(partial(_send_connected, session), using=session.own_row.write_db, robust=True)
    arrive(session, {ONLINE, session.channel_name})


def _send_connected(session: Any) -> None:
    with connecting(session.connection_id):
        send_signal(session_connected, type(session), session=session)


def ends_are_heard() -> bool:
    """Return whether anything has to be told when a connection ends."""
    return is_heard(session_disconnected) or tracks_presence()


def announce_ends(ended: Sequence[Any], using: str) -> None:
    """Announce after the commit that the connections of the rows ``ended`` have ended."""
    for batch in batches(ended):
        transaction.on_commit(partial(_announce_ends, batch, using), using=using, robust=True)


def _announce_ends(ended: Sequence[Any], using: str) -> None:
    for session in ended:
        send_signal(session_disconnected, type(session), session=session, reason=session.closed_reason)
    depart({session.user_id for session in ended}, using)
