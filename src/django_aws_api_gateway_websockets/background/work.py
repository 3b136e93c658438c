"""What a worker does with a job: load the rows by their keys, and send to them or close their sockets.

A job runs at least once. If a worker is killed, its job runs again, so some recipients may get a message twice.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, Callable, Mapping

from .. import protocol
from ..delivery.payload import Message
from ..exceptions import WebSocketsError
from ..history.upkeep import sweep
from ..models import ClosedReason, WebSocketSession, departures
from ..models.closing import close_sockets
from ..models.handovers import with_successors
from ..models.jobs import Chunk, Closing, Socket
from ..models.reporting import announce
from ..models.sending import send_to_many
from ..models.verifying import VERIFY_RATE


def deliver(*arguments: Any) -> dict[str, Any]:
    """Send to those recipients of a chunk that are still connected, and announce the report. Return its summary."""
    chunk = Chunk(*arguments)
    rows = WebSocketSession.objects.using(chunk.using)
    sessions = rows.filter(pk__in=with_successors(rows, chunk.keys))
    try:
        report = send_to_many(sessions, Message(chunk.message.encode(), chunk.has_id))
    except WebSocketsError as error:
        if error.report is not None:
            announce(WebSocketSession, error.report, chunk.broadcast, chunk.number, chunk.chunks)
        raise
    announce(WebSocketSession, report, chunk.broadcast, chunk.number, chunk.chunks)
    return report.summary()


def disconnect(*arguments: Any) -> None:
    """Close sockets through AWS.

    Their URLs come from the database, because anyone who can reach the broker can write jobs.
    """
    closing = Closing(*arguments)
    sockets = [socket for socket in (Socket(*one) for one in closing.sockets) if _is_possible(socket)]
    close_sockets(closing.using, sockets, ClosedReason(closing.reason))


def clear_sessions(older_than: float = 0, verify: bool = False, rate: float = VERIFY_RATE) -> dict[str, int]:
    """Run the clean-up of the command ``clearWebSocketSessions``. ``older_than`` is in seconds. Return the counts."""
    done = WebSocketSession.objects.clear_closed(timedelta(seconds=older_than), verify=verify, rate=rate)
    return {**asdict(done), **sweep()._asdict()}


def check_presence(using: str) -> int:
    """Announce that users have left if they were absent for the grace period. Return the number of announcements."""
    return departures.check_presence(WebSocketSession.objects.using(using))


def _is_possible(socket: Socket) -> bool:
    return protocol.is_connection_id(socket.connection_id) and protocol.is_stage_name(socket.stage_name)


#: The jobs that a worker knows, by name.
JOBS: Mapping[str, Callable[..., Any]] = {
    "deliver": deliver,
    "disconnect": disconnect,
    "clear_sessions": clear_sessions,
    "check_presence": check_presence,
}
