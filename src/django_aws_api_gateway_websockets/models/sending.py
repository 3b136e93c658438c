"""The methods of session rows and of their querysets that call ``@connections``."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any, Literal, Mapping, overload

from asgiref.sync import sync_to_async
from django.db import DatabaseError, router
from django.utils import timezone

from ..delivery import ConnectionInfo, DeliveryReport, call_many, call_one
from ..delivery.connecting import is_connecting
from ..delivery.lookup import look_up
from ..delivery.payload import encode
from ..delivery.transport import DELETE, Call, Target, post
from ..exceptions import ConnectionGone, SendDuringConnect
from .batches import batches
from .jobs import enqueue_broadcast
from .recipients import FRESH, GoneRows, connections_url, targets_of
from .reporting import after_commit
from .rows import ClosedReason, Row, SessionRows

logger = logging.getLogger("django_aws_api_gateway_websockets.delivery")


class SendingQuerySet(SessionRows[Row]):
    """The methods of ``WebSocketSessionQuerySet`` that send and disconnect."""

    @overload
    def send_message(
        self,
        data: Mapping[str, Any],
        *,
        on_commit: Literal[False] = False,
        deadline: float | None = None,
        rate: float | None = None,
        message_id: str | None = None,
    ) -> DeliveryReport: ...

    @overload
    def send_message(
        self,
        data: Mapping[str, Any],
        *,
        on_commit: Literal[True],
        deadline: float | None = None,
        rate: float | None = None,
        message_id: str | None = None,
    ) -> None: ...

    def send_message(
        self,
        data: Mapping[str, Any],
        *,
        on_commit: bool = False,
        deadline: float | None = None,
        rate: float | None = None,
        message_id: str | None = None,
    ) -> DeliveryReport | None:
        """Send ``data`` as JSON to every row of this queryset that is still connected.

        ``deadline``: seconds for the whole send. ``rate``: sends per second. ``on_commit``: wait for the commit of
        the current transaction; then None is returned, and the report comes by the signal ``message_delivered``.
        ``message_id``: sent under ``MESSAGE_ID_KEY``; made up if you give none. Raise only if nobody can be reached.
        """
        deliver = partial(send_to_many, self.all(), encode(data, message_id), deadline=deadline, rate=rate)
        if not on_commit:
            return deliver()
        after_commit(deliver, self.model, self.write_db)
        return None

    async def asend_message(self, data: Mapping[str, Any], **options: Any) -> DeliveryReport | None:
        """Do what ``send_message`` does, from async code: the event loop does not wait."""
        return await sync_to_async(self.send_message)(data, **options)

    def enqueue_message(self, data: Mapping[str, Any], *, message_id: str | None = None) -> str:
        """Have the site's task engine (``BACKGROUND``) send ``data``. Return the broadcast's id.

        Reports come by the signal ``message_delivered``, one for each chunk. A chunk may be sent more than once, so
        give messages ids.
        """
        return enqueue_broadcast(self, encode(data, message_id))

    def disconnect(self, reason: str = ClosedReason.SITE) -> DeliveryReport:
        """Have AWS close the socket of every connected row, and close these rows for ``reason``: site or kicked."""
        check_reason(reason)
        report = _call_rows(DELETE, self)
        for ids in batches(report.sent):
            self.written().filter(connection_id__in=ids).mark_disconnected(reason)
        for ids in batches(report.gone):
            self.written().filter(connection_id__in=ids).mark_disconnected(ClosedReason.GONE)
        return report


class SendingSession:
    """The methods of ``WebSocketSession`` that send, disconnect and ask."""

    connection_id: str
    api_gateway: Any
    created_on: Any

    @overload
    def send_message(
        self, data: Mapping[str, Any], *, on_commit: Literal[False] = False, message_id: str | None = None
    ) -> bool: ...

    @overload
    def send_message(
        self, data: Mapping[str, Any], *, on_commit: Literal[True], message_id: str | None = None
    ) -> None: ...

    def send_message(
        self, data: Mapping[str, Any], *, on_commit: bool = False, message_id: str | None = None
    ) -> bool | None:
        """Send ``data`` as JSON to this connection. Return True if AWS took it, False if the client has gone.

        Any other error is raised. ``on_commit``: wait for the commit of the current transaction; then None is
        returned, and errors are logged.
        """
        deliver = partial(self._send, encode(data, message_id))
        if not on_commit:
            return deliver()
        model: Any = type(self)
        after_commit(deliver, model, router.db_for_write(model, instance=self))
        return None

    async def asend_message(self, data: Mapping[str, Any], **options: Any) -> bool | None:
        """Do what ``send_message`` does, from async code: the event loop does not wait."""
        return await sync_to_async(self.send_message)(data, **options)

    def check_connection(self) -> ConnectionInfo | None:
        """Ask AWS about this connection. Return None if the client has gone, which closes the row."""
        try:
            return look_up(self._target())
        except ConnectionGone:
            self._close_gone()
            return None

    def disconnect(self, reason: str = ClosedReason.SITE) -> bool:
        """Have AWS close this connection, and close its row for ``reason``: site or kicked.

        Return True if the connection was open until now.
        """
        check_reason(reason)
        if is_connecting(self.connection_id):
            raise SendDuringConnect(
                f"The connection {self.connection_id} cannot be closed before its $connect has returned. "
                "Refuse it: let connect() return an HttpResponseForbidden, or raise PermissionDenied."
            )
        closed = call_one(DELETE, self._target())
        self.mark_disconnected(reason if closed else ClosedReason.GONE)
        return closed

    def mark_disconnected(self, reason: str = "") -> None:
        """Mark this row as no longer connected, for one of ``ClosedReason``."""
        raise NotImplementedError

    def _send(self, message: bytes) -> bool:
        if is_connecting(self.connection_id):
            raise SendDuringConnect(
                f"The connection {self.connection_id} takes no message before its $connect has returned. "
                "Let the client send a first message, and answer that."
            )
        delivered = call_one(post(message), self._target())
        if not delivered:
            self._close_gone()
        return delivered

    def _target(self) -> Target:
        return Target(self.connection_id, connections_url(self.api_gateway))

    def _close_gone(self) -> None:
        """Close the row because AWS says that the client has gone, unless its ``$connect`` may still be running."""
        if self.created_on <= timezone.now() - FRESH:
            self.mark_disconnected(ClosedReason.GONE)


def check_reason(reason: str) -> None:
    """Raise ``ValueError`` unless a caller of ``disconnect()`` may give ``reason``."""
    if reason not in (ClosedReason.SITE, ClosedReason.KICKED):
        raise ValueError(f'disconnect() takes reason="site" or reason="kicked", not {reason!r}.')


def send_to_many(
    sessions: SessionRows[Any], message: bytes, *, deadline: float | None = None, rate: float | None = None
) -> DeliveryReport:
    """Post ``message`` to every connected row of ``sessions``, and close the rows of those that are gone."""
    return _call_rows(post(message), sessions, deadline, rate)


def _call_rows(
    call: Call, sessions: SessionRows[Any], deadline: float | None = None, rate: float | None = None
) -> DeliveryReport:
    if rate is not None and rate <= 0:
        raise ValueError(f"rate={rate!r} is not a number above 0. It means sends per second; None uses SEND_RATE.")
    gone, report = GoneRows(sessions), DeliveryReport()
    try:
        return call_many(call, targets_of(sessions), report=report, on_gone=gone.add, deadline=deadline, rate=rate)
    finally:
        try:
            gone.flush()
        except DatabaseError:
            # If the database fails now, the log still says who got the message.
            logger.error("The rows of gone connections were not closed after this send: %s", report)
            raise
