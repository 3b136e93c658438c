"""What the models call: a message, or the end, for one row or for every row of a queryset."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Iterator

from django.db import DatabaseError
from django.utils import timezone

from ..conf import conf
from ..exceptions import ConnectionGone, SendDuringConnect
from .choice import transport_for_many, transport_for_one
from .connecting import is_connecting
from .connection_ids import ConnectionIds
from .engine import Sending
from .health import Endpoints
from .report import DeliveryReport
from .targets import stream
from .transport import DELETE, Call, Target, post

if TYPE_CHECKING:
    from ..models import WebSocketSession, WebSocketSessionQuerySet

logger = logging.getLogger("django_aws_api_gateway_websockets.delivery")

# API Gateway answers 410 while $connect is still running: such a row is not closed.
FRESH = timedelta(seconds=10)
_BATCH = 500


class _Closer:
    """Closes the rows of connections that AWS calls gone, one UPDATE a batch."""

    def __init__(self, sessions: WebSocketSessionQuerySet) -> None:
        self._rows = sessions.model.objects.using(sessions.write_db)
        self._ids: list[str] = []
        self._since: datetime | None = None

    def add(self, connection_id: str) -> None:
        # What was fresh when it was called gone is still so when the batch is written.
        self._since = self._since or timezone.now()
        self._ids.append(connection_id)
        if len(self._ids) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        if self._since is not None:
            self._rows.filter(connection_id__in=self._ids, created_on__lte=self._since - FRESH).mark_disconnected()
        self._ids, self._since = [], None


def send_to_many(
    sessions: WebSocketSessionQuerySet, encoded: bytes, *, deadline: float | None = None, rate: float | None = None
) -> DeliveryReport:
    """Post ``encoded`` to every connected row; raises only where nothing can be sent to anybody."""
    closer = _Closer(sessions)
    return _call_many(post(encoded), sessions, closer, deadline, rate)


def disconnect_many(sessions: WebSocketSessionQuerySet) -> DeliveryReport:
    """Have AWS close every connected row's socket, and close the rows of those that are closed or gone."""
    closer = _Closer(sessions)
    report = _call_many(DELETE, sessions, closer, None, None)
    for ids in _batches(report.sent, report.gone):
        sessions.model.objects.using(sessions.write_db).filter(connection_id__in=ids).mark_disconnected()
    return report


def send_to_one(session: WebSocketSession, encoded: bytes) -> bool:
    """True when AWS took the message, False when the client has gone; raises what else went wrong."""
    if is_connecting(session.connection_id):
        raise SendDuringConnect(
            f"The connection {session.connection_id} takes no message before its $connect has returned. "
            "Let the client send a first message, and answer that."
        )
    delivered = _call_one(post(encoded), session)
    if not delivered:
        close_if_old(session)
    return delivered


def disconnect_one(session: WebSocketSession) -> bool:
    """True when AWS closed the socket, False when it was closed before. The row is closed either way."""
    if is_connecting(session.connection_id):
        raise SendDuringConnect(
            f"The connection {session.connection_id} cannot be closed before its $connect has returned. "
            "Refuse it: let connect() return an HttpResponseForbidden, or raise PermissionDenied."
        )
    closed = _call_one(DELETE, session)
    session.mark_disconnected()
    return closed


def close_if_old(session: WebSocketSession) -> None:
    """What a 410 says of a row: closed, unless its ``$connect`` may still be running."""
    if session.created_on <= timezone.now() - FRESH:
        session.mark_disconnected()


def _call_many(
    call: Call,
    sessions: WebSocketSessionQuerySet,
    closer: _Closer,
    deadline: float | None,
    rate: float | None,
) -> DeliveryReport:
    if rate is not None and rate <= 0:
        raise ValueError(f"rate={rate!r}: sends a second, a number above 0; or None for the setting SEND_RATE.")
    endpoints = Endpoints()
    with transport_for_many() as transport:
        sending = Sending(
            call,
            transport,
            endpoints,
            deadline=conf.SEND_DEADLINE if deadline is None else deadline,
            rate=conf.SEND_RATE if rate is None else rate,
            repeatable=_is_repeatable(call),
            on_gone=closer.add,
        )
        try:
            return sending.run(stream(sessions, endpoints))
        finally:
            _flush(closer, sending.report)


def _flush(closer: _Closer, report: DeliveryReport) -> None:
    """A database that fails now is no reason to lose sight of who got the message."""
    try:
        closer.flush()
    except DatabaseError:
        logger.error("The rows of connections that are gone were not closed after this send: %s", report)
        raise


def _call_one(call: Call, session: WebSocketSession) -> bool:
    target = Target(session.connection_id, session.api_gateway.connections_url)
    with transport_for_one() as transport:
        sending = Sending(call, transport, Endpoints(), repeatable=_is_repeatable(call))
        sending.run(iter((target,)))
    if sending.last_error is None:
        return True
    if isinstance(sending.last_error, ConnectionGone):
        return False
    raise sending.last_error


def _is_repeatable(call: Call) -> bool:
    """Whether doing it twice does no harm: a client drops the second message of the same id."""
    return call is DELETE or bool(conf.MESSAGE_ID_KEY)


def _batches(*lists: ConnectionIds) -> Iterator[list[str]]:
    ids = chain(*lists)
    batch = list(islice(ids, _BATCH))
    while batch:
        yield batch
        batch = list(islice(ids, _BATCH))
