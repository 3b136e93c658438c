"""The goodbye to clients that speak the protocol: the reason why their connection is closed.

AWS does not send a reason.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Iterable, Sequence

from .. import protocol
from ..conf import conf
from ..delivery import DeliveryReport
from ..delivery.deadline import Deadline
from ..delivery.send import call_many, call_one
from ..delivery.transport import DELETE, Call, Target, post
from ..exceptions import ConnectionGone, WebSocketsError
from .announcing import announce_ends
from .batches import batches
from .handovers import close_companions, successor_of
from .recipients import ConnectionsUrls, GoneRows, targets_of
from .rows import ClosedReason, SessionRows

logger = logging.getLogger("django_aws_api_gateway_websockets")


def goodbye(reason: str, again: bool | float = False) -> Call:
    """Return the call that sends the reason for closing, and whether to reconnect (``again``). See docs/protocol.md."""
    text = json.dumps({protocol.RESERVED_KEY: {"bye": str(reason), "again": again}}, separators=(",", ":"))
    return post(text.encode(), repeatable=True)


def check_farewell(reason: str, again: bool | float) -> None:
    """Raise ``ValueError`` unless a caller of ``disconnect()`` may give these."""
    if reason not in (ClosedReason.SITE, ClosedReason.KICKED):
        raise ValueError(f'disconnect() takes reason="site" or reason="kicked", not {reason!r}.')
    if not isinstance(again, bool) and not again > 1:
        raise ValueError(f"again={again!r} is neither a bool nor a number of seconds above 1.")


def tell(targets: Iterable[Target], reason: str, again: bool | float, deadline: Deadline) -> list[str]:
    """Say goodbye to ``targets``.

    Return the ids of those that received it. Errors are not raised, because the connections are closed anyway.
    """
    report = DeliveryReport()
    try:
        # Half of the time, because it matters more that they are closed.
        call_many(goodbye(reason, again), targets, report=report, deadline=deadline.remaining(0.5))
    except WebSocketsError as error:
        logger.warning("Clients were not told why their connections are closed: %s", error)
    return list(report.sent)


def delete_sockets(targets: Sequence[Target], deadline: Deadline) -> None:
    """Close the sockets of ``targets`` through AWS. Log the sockets that stay open, and do not raise errors."""
    report = DeliveryReport()
    try:
        call_many(DELETE, targets, report=report, deadline=deadline.remaining())
    except WebSocketsError as error:
        logger.error("None of %d sockets was closed, although their rows are: %s", len(targets), error)
    done = {*report.sent, *report.gone}
    for connection_id in (target.connection_id for target in targets):
        if connection_id not in done:
            why = report.failed.get(connection_id, "AWS did not answer in time")
            logger.error("The connection %s was not closed, so its client can still listen: %s", connection_id, why)


def _disconnect_companions(closed: SessionRows[Any], reason: str, deadline: Deadline) -> None:
    """Close the other connections of the hand-overs of ``closed``. The caller's report does not include them."""
    sockets = close_companions(closed, reason)
    if sockets:
        urls = ConnectionsUrls(closed.db)
        delete_sockets([urls.target(*socket[:3]) for socket in sockets], deadline)


def disconnect_rows(
    sessions: SessionRows[Any], reason: str, again: bool | float, seconds: float | None
) -> DeliveryReport:
    """Say goodbye to the connected rows of ``sessions``, close all of them in AWS, and mark the rows as closed.

    ``seconds`` is the deadline for both. None means ``SEND_DEADLINE``.
    """
    check_farewell(reason, again)
    deadline = Deadline(conf.SEND_DEADLINE if seconds is None else seconds)
    speaking, ids = _tell_rows(sessions, reason, again, deadline)
    report, gone = DeliveryReport(), GoneRows(sessions)
    try:
        call_many(DELETE, _all(speaking, sessions), report=report, on_gone=gone.add, deadline=deadline.remaining())
    finally:
        gone.flush()
    # A client that received the goodbye may close faster than the call.
    left = [one for one in report.gone if one in ids]
    if left:
        report.gone = type(report.gone)(one for one in report.gone if one not in ids)
        report.sent.extend(left)
    for batch in batches(report.sent):
        closed = sessions.written().filter(connection_id__in=batch)
        closed.mark_disconnected(reason)
        _disconnect_companions(closed, reason, deadline)
    for batch in batches(report.gone):
        sessions.written().filter(connection_id__in=batch).mark_disconnected(ClosedReason.GONE)
    return report


def _all(speaking: list[Target], sessions: SessionRows[Any]) -> Iterable[Target]:
    ids = {target.connection_id for target in speaking}
    yield from speaking
    yield from (target for target in targets_of(sessions) if target.connection_id not in ids)


def _tell_rows(
    sessions: SessionRows[Any], reason: str, again: bool | float, deadline: Deadline
) -> tuple[list[Target], set[str]]:
    """Close the rows of clients that speak the protocol, and send them the goodbye.

    Return all of them, and the ids of those that received it. The rows of the others are opened again, unless their
    login has ended meanwhile.
    """
    targets = list(targets_of(sessions.filter(protocol_version__gt=0)))
    # The row is closed before the frame is sent. Otherwise, the client could close first, and the reason would be
    # "client".
    closed = [
        session
        for batch in batches(target.connection_id for target in targets)
        for session in sessions.written().filter(connection_id__in=batch).close_unannounced(reason)[1]
    ]
    ids = set(tell(targets, reason, again, deadline)) if targets else set()
    announce_ends([session for session in closed if session.connection_id in ids], sessions.write_db)
    for batch in batches(target.connection_id for target in targets if target.connection_id not in ids):
        sessions.written().filter(connection_id__in=batch).reopen()
    return targets, ids


def disconnect_one(session: Any, target: Target, reason: str, again: bool | float) -> bool:
    """Say goodbye to ``session`` if it speaks the protocol, and close it in AWS. Return whether it was open."""
    told = session.protocol_version and session.connected and _tell_one(session, target, reason, again)
    try:
        call_one(DELETE, target)
    except ConnectionGone:
        if not told:
            successor = successor_of(session)
            if successor is not None:
                return bool(successor.disconnect(reason, again=again))
            session.mark_disconnected(ClosedReason.GONE)
            return False
    session.own_row.never_return(reason)
    session.mark_disconnected(reason)
    _disconnect_companions(session.own_row, reason, Deadline(conf.SEND_DEADLINE))
    return True


def _tell_one(session: Any, target: Target, reason: str, again: bool | float) -> bool:
    rows = session.own_row
    count, ended = rows.close_unannounced(reason)
    if tell([target], reason, again, Deadline(conf.SEND_DEADLINE)):
        announce_ends(ended, rows.write_db)
        if count:
            session.closed_reason = reason
        return True
    if count:
        rows.reopen()
    return False
