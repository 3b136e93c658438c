"""The methods of session rows and of their querysets that call ``@connections``."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any, Literal, Mapping, overload

from asgiref.sync import sync_to_async
from django.db import DatabaseError, router
from django.utils import timezone

from ..delivery import ConnectionInfo, DeliveryReport
from ..delivery.connecting import now_connecting
from ..delivery.lookup import look_up
from ..delivery.payload import Message, encoded, html, text
from ..delivery.send import call_many, call_one
from ..delivery.transport import Call, Target, post
from ..exceptions import ConnectionGone, SendDuringConnect, WebSocketsError
from .activity import note_failure
from .goodbye import check_farewell, disconnect_one, disconnect_rows
from .handovers import successor_of
from .jobs import enqueue_broadcast
from .recipients import FRESH, GoneRows, connections_url, targets_of
from .reporting import after_commit
from .rows import ClosedReason, Row, SessionRows, oldest_open

logger = logging.getLogger("django_aws_api_gateway_websockets.delivery")


class SendingQuerySet(SessionRows[Row]):
    """The methods of ``WebSocketSessionQuerySet`` that send and disconnect."""

    @overload
    def send_message(
        self,
        data: Any,
        *,
        on_commit: Literal[False] = False,
        deadline: float | None = None,
        rate: float | None = None,
        message_id: str | None = None,
        fail_silently: bool = False,
    ) -> DeliveryReport: ...

    @overload
    def send_message(
        self,
        data: Any,
        *,
        on_commit: Literal[True],
        deadline: float | None = None,
        rate: float | None = None,
        message_id: str | None = None,
        fail_silently: bool = False,
    ) -> None: ...

    def send_message(
        self, data: Any, *, on_commit: bool = False, message_id: str | None = None, **options: Any
    ) -> DeliveryReport | None:
        """Send ``data`` as JSON to every row of this queryset that is still connected.

        ``data``: a dict or a list that JSON can hold. ``deadline``: seconds for the whole send. ``rate``: sends per
        second. ``on_commit``: wait for the commit of the current transaction. None is returned, and the report arrives
        with the signal ``message_delivered``. ``message_id``: an id, so that ``GatewaySocket`` drops repetitions.
        ``fail_silently``: if nobody can be reached at all, log the error instead of raising it.
        """
        return self._send(encoded(data, message_id), on_commit, **options)

    @overload
    def send_text(
        self,
        value: str,
        *,
        on_commit: Literal[False] = False,
        deadline: float | None = None,
        rate: float | None = None,
        fail_silently: bool = False,
    ) -> DeliveryReport: ...

    @overload
    def send_text(
        self,
        value: str,
        *,
        on_commit: Literal[True],
        deadline: float | None = None,
        rate: float | None = None,
        fail_silently: bool = False,
    ) -> None: ...

    def send_text(self, value: str, *, on_commit: bool = False, **options: Any) -> DeliveryReport | None:
        """Send ``value`` as it is to every connected row. The options are the same as for ``send_message``."""
        return self._send(text(value), on_commit, **options)

    @overload
    def send_html(
        self,
        template_name: str,
        context: Mapping[str, Any] | None = None,
        *,
        on_commit: Literal[False] = False,
        deadline: float | None = None,
        rate: float | None = None,
        fail_silently: bool = False,
    ) -> DeliveryReport: ...

    @overload
    def send_html(
        self,
        template_name: str,
        context: Mapping[str, Any] | None = None,
        *,
        on_commit: Literal[True],
        deadline: float | None = None,
        rate: float | None = None,
        fail_silently: bool = False,
    ) -> None: ...

    def send_html(
        self, template_name: str, context: Mapping[str, Any] | None = None, *, on_commit: bool = False, **options: Any
    ) -> DeliveryReport | None:
        """Render a template once, and send it to every connected row.

        The options are the same as for ``send_message``.
        """
        return self._send(html(template_name, context), on_commit, **options)

    async def asend_message(self, data: Any, **options: Any) -> DeliveryReport | None:
        """Call ``send_message`` from async code. It does not block the event loop."""
        return await sync_to_async(self.send_message)(data, **options)

    async def asend_text(self, value: str, **options: Any) -> DeliveryReport | None:
        """Call ``send_text`` from async code. It does not block the event loop."""
        return await sync_to_async(self.send_text)(value, **options)

    async def asend_html(
        self, template_name: str, context: Mapping[str, Any] | None = None, **options: Any
    ) -> DeliveryReport | None:
        """Call ``send_html`` from async code, without blocking the event loop."""
        return await sync_to_async(self.send_html)(template_name, context, **options)

    def _send(
        self,
        message: Message,
        on_commit: bool,
        deadline: float | None = None,
        rate: float | None = None,
        fail_silently: bool = False,
    ) -> DeliveryReport | None:
        deliver = partial(send_to_many, self.all(), message, deadline, rate, fail_silently)
        if not on_commit:
            return deliver()
        after_commit(deliver, self.model, self.write_db)
        return None

    def enqueue_message(self, data: Any, *, message_id: str | None = None) -> str:
        """Send ``data`` by the site's task engine (``BACKGROUND``). Return the broadcast's id.

        Reports arrive with the signal ``message_delivered``, one for each chunk. A chunk may be sent more than once, so
        give messages ids.
        """
        return enqueue_broadcast(self, encoded(data, message_id))

    def disconnect(
        self, reason: str = ClosedReason.SITE, *, again: bool | float = False, deadline: float | None = None
    ) -> DeliveryReport:
        """Close the socket of every connected row, and mark the rows as closed for ``reason``, "site" or "kicked".

        Pages with ``GatewaySocket`` first receive the reason and ``again``: whether to reconnect (True or False), or
        the number of seconds within which to reconnect.

        ``deadline``: seconds for all of it. Rows that are not reached in time stay open, unless their clients were
        told.
        """
        return disconnect_rows(self, reason, again, deadline)


class SendingSession:
    """The methods of ``WebSocketSession`` that send, disconnect and look up the connection."""

    connection_id: Any
    api_gateway: Any
    stage_name: Any
    created_on: Any

    @overload
    def send_message(
        self,
        data: Any,
        *,
        on_commit: Literal[False] = False,
        message_id: str | None = None,
        fail_silently: bool = False,
    ) -> bool: ...

    @overload
    def send_message(
        self, data: Any, *, on_commit: Literal[True], message_id: str | None = None, fail_silently: bool = False
    ) -> None: ...

    def send_message(
        self, data: Any, *, on_commit: bool = False, message_id: str | None = None, fail_silently: bool = False
    ) -> bool | None:
        """Send ``data`` as JSON to this connection. Return True if AWS accepted it, False if the client has
        disconnected.

        ``data``: a dict or a list that JSON can hold. ``on_commit``: wait for the commit of the current transaction.
        None is returned, and errors are logged. ``message_id``: an id, so that ``GatewaySocket`` drops repetitions.
        ``fail_silently``: log any other error and return False instead of raising it.
        """
        return self._send(encoded(data, message_id), on_commit, fail_silently)

    @overload
    def send_text(self, value: str, *, on_commit: Literal[False] = False, fail_silently: bool = False) -> bool: ...

    @overload
    def send_text(self, value: str, *, on_commit: Literal[True], fail_silently: bool = False) -> None: ...

    def send_text(self, value: str, *, on_commit: bool = False, fail_silently: bool = False) -> bool | None:
        """Send ``value`` as it is to this connection.

        The options and the result are the same as for ``send_message``.
        """
        return self._send(text(value), on_commit, fail_silently)

    @overload
    def send_html(
        self,
        template_name: str,
        context: Mapping[str, Any] | None = None,
        *,
        on_commit: Literal[False] = False,
        fail_silently: bool = False,
    ) -> bool: ...

    @overload
    def send_html(
        self,
        template_name: str,
        context: Mapping[str, Any] | None = None,
        *,
        on_commit: Literal[True],
        fail_silently: bool = False,
    ) -> None: ...

    def send_html(
        self,
        template_name: str,
        context: Mapping[str, Any] | None = None,
        *,
        on_commit: bool = False,
        fail_silently: bool = False,
    ) -> bool | None:
        """Render a template and send it to this connection.

        The options and the result are the same as for ``send_message``.
        """
        return self._send(html(template_name, context), on_commit, fail_silently)

    async def asend_message(self, data: Any, **options: Any) -> bool | None:
        """Call ``send_message`` from async code. It does not block the event loop."""
        return await sync_to_async(self.send_message)(data, **options)

    async def asend_text(self, value: str, **options: Any) -> bool | None:
        """Call ``send_text`` from async code. It does not block the event loop."""
        return await sync_to_async(self.send_text)(value, **options)

    async def asend_html(
        self, template_name: str, context: Mapping[str, Any] | None = None, **options: Any
    ) -> bool | None:
        """Call ``send_html`` from async code, without blocking the event loop."""
        return await sync_to_async(self.send_html)(template_name, context, **options)

    def check_connection(self) -> ConnectionInfo | None:
        """Ask AWS about this connection. If the client has disconnected, close the row and return None."""
        if self._close_expired():
            return None
        try:
            return look_up(self._target())
        except ConnectionGone:
            self._close_gone()
            return None

    def disconnect(self, reason: str = ClosedReason.SITE, *, again: bool | float = False) -> bool:
        """Close this connection in AWS, and mark its row as closed for ``reason``, "site" or "kicked".

        A page with ``GatewaySocket`` first receives the reason and ``again``: whether to reconnect (True or False),
        or the number of seconds within which to reconnect. Return True if the connection was open until now.
        """
        check_farewell(reason, again)
        self._check_not_connecting(
            "cannot be closed",
            "To refuse the connection, return an HttpResponseForbidden from connect(), or raise PermissionDenied.",
        )
        return not self._close_expired() and disconnect_one(self, self._target(), reason, again)

    def mark_disconnected(self, reason: str = "") -> None:
        """Mark this row as no longer connected, for one of ``ClosedReason``."""
        raise NotImplementedError

    def _send(self, message: Message, on_commit: bool, fail_silently: bool) -> bool | None:
        deliver = partial(self._deliver, message, fail_silently)
        if not on_commit:
            return deliver()
        model: Any = type(self)
        after_commit(deliver, model, router.db_for_write(model, instance=self))
        return None

    def _deliver(self, message: Message, fail_silently: bool) -> bool:
        try:
            self._check_not_connecting(
                "takes no message",
                "Wait for a first message from the client, and answer it.",
            )
            if self._close_expired():
                return False
            call_one(post(message.data, message.has_id), self._target())
        except ConnectionGone:
            successor = successor_of(self)
            if successor is not None:
                return bool(successor._deliver(message, fail_silently))
            self._close_gone()
            return False
        except WebSocketsError as error:
            note_failure(error)
            if not fail_silently:
                raise
            logger.error("A message was not sent: %s", error)
            return False
        return True

    def _check_not_connecting(self, what: str, remedy: str) -> None:
        if self.connection_id in now_connecting():
            raise SendDuringConnect(
                f"The connection {self.connection_id} {what} before its $connect has returned. {remedy}"
            )

    def _target(self) -> Target:
        return Target(self.connection_id, connections_url(self.api_gateway, self.stage_name))

    def _close_expired(self) -> bool:
        """Close the row if it is older than the two hours that AWS allows. Return whether it was closed."""
        if self.created_on > oldest_open():
            return False
        self.mark_disconnected(ClosedReason.EXPIRED)
        return True

    def _close_gone(self) -> None:
        """Close the row because AWS says that the client is gone, unless its ``$connect`` may still be running."""
        if self.created_on <= timezone.now() - FRESH:
            self.mark_disconnected(ClosedReason.GONE)


def send_to_many(
    sessions: SessionRows[Any],
    message: Message,
    deadline: float | None = None,
    rate: float | None = None,
    fail_silently: bool = False,
) -> DeliveryReport:
    """Post ``message`` to every connected row of ``sessions``, and close the rows of gone connections."""
    report = DeliveryReport()
    try:
        _call_rows(post(message.data, message.has_id), sessions, report, deadline, rate)
    except WebSocketsError as error:
        if not fail_silently:
            raise
        logger.error("A message was not sent: %s (%s)", error, report)
    finally:
        if not report.complete:
            note_failure(report)
    return report


def _call_rows(
    call: Call,
    sessions: SessionRows[Any],
    report: DeliveryReport,
    deadline: float | None = None,
    rate: float | None = None,
) -> None:
    if rate is not None and rate <= 0:
        raise ValueError(f"rate={rate!r} is not a number above 0. Pass sends per second, or None to use SEND_RATE.")
    gone = GoneRows(sessions)
    try:
        call_many(call, targets_of(sessions), report=report, on_gone=gone.add, deadline=deadline, rate=rate)
    finally:
        try:
            gone.flush()
        except DatabaseError:
            # If the database fails now, the log still shows who received the message.
            logger.error("The rows of gone connections were not closed after this send: %s", report)
            raise
