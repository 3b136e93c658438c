"""Close connections at the site's request: the rows at once, the sockets after the commit."""

from __future__ import annotations

import logging
from typing import Any, Sequence

from ..conf import conf
from ..delivery.deadline import Deadline
from .after_commit import call_after_commit
from .batches import batches
from .goodbye import delete_sockets, tell
from .handovers import close_companions
from .jobs import Socket, enqueue_closing
from .recipients import ConnectionsUrls, open_rows
from .rows import WAITING, SessionRows

logger = logging.getLogger("django_aws_api_gateway_websockets")


def close_connections(sessions: SessionRows[Any], reason: str) -> int:
    """Close the connected rows among ``sessions`` for one of ``ClosedReason``. Return how many there were.

    Rows are closed now, in the caller's transaction, so that no later message is accepted. The sockets are closed after
    the commit, by the site's task engine or, if there is none, in this process.
    """
    database = sessions.write_db
    # Read from the same database, because a replica may not know a connection that was just opened.
    rows = open_rows(sessions.using(database), "protocol_version")
    deadline, count = Deadline(conf.CLOSE_DEADLINE), 0
    for chunk in batches(rows, conf.BACKGROUND_CHUNK):
        sockets = [Socket(*row[1:]) for row in chunk]
        for batch in batches(row[0] for row in chunk):
            closed = sessions.written().filter(pk__in=batch)
            closed.mark_disconnected(reason)
            sockets += close_companions(closed, reason)
        # A failure is only logged. The rows are closed already, so a logout is complete without the sockets.
        call_after_commit(database, _close_soon, database, sockets, str(reason), deadline)
        count += len(chunk)
    return count


def close_for_good(sessions: SessionRows[Any], reason: str) -> int:
    """Close the connected rows among ``sessions``, and keep the others from being opened, or opened again."""
    # In this order, because a row that is opened again in between is then closed.
    sessions.never_return(reason)
    count = close_connections(sessions, reason)
    # Those that wait for the hand-over of another login of the same user.
    sessions.using(sessions.write_db).filter(WAITING).update(closed_reason=reason)
    return count


def _close_soon(using: str, sockets: Sequence[Socket], reason: str, deadline: Deadline) -> None:
    if conf.BACKGROUND:
        try:
            enqueue_closing(using, sockets, reason)
            return
        except Exception:
            # If the broker is down, the sockets must still be closed.
            logger.exception(
                "The task engine %r did not accept the closing of sockets, so this process closes them", conf.BACKGROUND
            )
    # A page waits for this, so the wait is short, however many chunks there are.
    close_sockets(using, sockets, reason, deadline)


def close_sockets(using: str, sockets: Sequence[Socket], reason: str, deadline: Deadline | None = None) -> None:
    """Say goodbye for ``reason``, and close ``sockets`` through AWS. Log those that stay open. Raise nothing."""
    deadline = deadline or Deadline(conf.SEND_DEADLINE)
    urls = ConnectionsUrls(using)
    targets = [urls.target(*socket[:3]) for socket in sockets]
    speaking = [target for target, socket in zip(targets, sockets) if socket.protocol_version]
    if speaking:
        tell(speaking, reason, again=False, deadline=deadline)
    delete_sockets(targets, deadline)
