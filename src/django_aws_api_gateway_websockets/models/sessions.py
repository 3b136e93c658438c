"""The connections: who opened which socket, in which channel, and whether it is still open."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, Mapping, overload

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import IntegrityError, models, router, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..delivery import ConnectionInfo, DeliveryReport, background, later, lookup, send
from ..delivery.payload import encode
from ..exceptions import UnknownConnection
from ..fields import ExactCharField
from .gateways import ApiGateway

# Rows deleted by one statement: SQLite takes no more than 999 parameters in old versions.
CLEAR_BATCH = 900


class ClosedReason(models.TextChoices):
    """Why a connection is closed; empty where nobody said."""

    CLIENT = "client", _("closed by the client or by AWS")
    REFUSED = "refused", _("refused on connect")
    LOGOUT = "logout", _("logout")
    SESSION_ENDED = "session_ended", _("end of the login session")
    PASSWORD_CHANGED = "password_changed", _("password change")
    USER_INACTIVE = "user_inactive", _("user deactivated")
    USER_DELETED = "user_deleted", _("user deleted")


class WebSocketSessionQuerySet(models.QuerySet["WebSocketSession"]):
    @property
    def write_db(self) -> str:
        """The database where rows of this queryset are written: a router may read them from another one."""
        # As Django's own writing methods choose it; the stubs do not know the two.
        return self._db or router.db_for_write(self.model, **self._hints)  # type: ignore[attr-defined]

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

        ``deadline``: seconds for the whole send. ``rate``: sends a second. ``on_commit``: wait for the commit of
        the current transaction; then None is returned, and the report comes by the signal ``message_delivered``.
        ``message_id``: sent under ``MESSAGE_ID_KEY``; made up where none is given. Raises where nothing can be sent
        to anybody.
        """
        deliver = partial(send.send_to_many, self.all(), encode(data, message_id), deadline=deadline, rate=rate)
        if not on_commit:
            return deliver()
        later.after_commit(deliver, self.model, self.write_db)
        return None

    async def asend_message(self, data: Mapping[str, Any], **options: Any) -> DeliveryReport | None:
        """``send_message`` for async code: the event loop does not wait."""
        return await sync_to_async(self.send_message)(data, **options)

    def enqueue_message(self, data: Mapping[str, Any], *, message_id: str | None = None) -> str:
        """Have the site's task engine (``BACKGROUND``) send ``data``; returns the broadcast's id.

        Reports come by the signal ``message_delivered``, one for each chunk. At least once: give messages ids.
        """
        return background.enqueue(self, encode(data, message_id))

    def disconnect(self) -> DeliveryReport:
        """Close the sockets of every row of this queryset that is still connected, and then the rows."""
        return send.disconnect_many(self)

    def mark_disconnected(self, reason: str = "") -> int:
        """Mark the rows as no longer connected, for one of ``ClosedReason``; returns how many were."""
        return self.filter(connected=True).update(connected=False, closed_reason=reason, updated_on=timezone.now())

    def clear_closed(self) -> int:
        """Delete the rows that are no longer connected; returns how many were."""
        deleted = 0
        written = self.using(self.write_db)
        closed = written.filter(connected=False).order_by("pk").values_list("pk", flat=True)
        while True:
            batch = list(closed[:CLEAR_BATCH])
            if not batch:
                return deleted
            self.model.objects.using(self.write_db).filter(pk__in=batch).delete()
            deleted += len(batch)

    def open(self, **values: Any) -> WebSocketSession:
        """Record a connection. A repeated ``$connect`` finds the row of the first, open or closed by now.

        Raises ``UnknownConnection`` where the gateway or the user has been deleted meanwhile.
        """
        try:
            with transaction.atomic(using=self.write_db):
                return self.create(**values)
        except IntegrityError as error:
            session = self.using(self.write_db).filter(connection_id=values["connection_id"]).first()
            if session is None:
                raise UnknownConnection("The gateway or the user of this connection is gone.") from error
            return session


class WebSocketSession(models.Model):
    """One connection: opened by ``user`` (None: nobody was logged in) through ``api_gateway``."""

    connection_id = ExactCharField(_("connection id"), max_length=128, unique=True)
    channel_name = ExactCharField(_("channel name"), max_length=255, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="websocket_sessions",
        verbose_name=_("user"),
    )
    api_gateway = models.ForeignKey(
        ApiGateway, on_delete=models.CASCADE, related_name="sessions", verbose_name=_("API gateway")
    )
    connected = models.BooleanField(_("connected"), default=True)
    closed_reason = models.CharField(_("why closed"), max_length=32, blank=True, choices=ClosedReason.choices)
    # The login that opened it: see logins.authority.
    session_key_hash = models.CharField(max_length=64, blank=True, editable=False, db_index=True)
    session_auth_hash = models.CharField(max_length=128, blank=True, editable=False)
    last_activity_on = models.DateTimeField(_("last activity on"), default=timezone.now)
    created_on = models.DateTimeField(_("created on"), auto_now_add=True)
    updated_on = models.DateTimeField(_("updated on"), auto_now=True)

    objects = WebSocketSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("WebSocket session")
        verbose_name_plural = _("WebSocket sessions")
        indexes = [
            models.Index(fields=["channel_name", "connected"], name="websockets_channel"),
            models.Index(fields=["connected", "updated_on"], name="websockets_closed"),
        ]

    def __str__(self) -> str:
        return str(self.connection_id)

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
        """Send ``data`` as JSON to this connection: True when AWS took it, False when the client has gone.

        Raises what else went wrong. ``on_commit``: wait for the commit of the current transaction; then None is
        returned, and what goes wrong is logged.
        """
        deliver = partial(send.send_to_one, self, encode(data, message_id))
        if not on_commit:
            return deliver()
        later.after_commit(deliver, type(self), router.db_for_write(type(self), instance=self))
        return None

    async def asend_message(self, data: Mapping[str, Any], **options: Any) -> bool | None:
        """``send_message`` for async code: the event loop does not wait."""
        return await sync_to_async(self.send_message)(data, **options)

    def check_connection(self) -> ConnectionInfo | None:
        """What AWS knows of this connection; None when the client has gone."""
        return lookup.check_connection(self)

    def disconnect(self) -> bool:
        """Close this connection's socket and its row: True when it was open until now."""
        return send.disconnect_one(self)

    def touch(self) -> None:
        """Note that the connection is alive: one write in ``ACTIVITY_INTERVAL`` seconds at most."""
        now = timezone.now()
        if (now - self.last_activity_on).total_seconds() >= conf.ACTIVITY_INTERVAL:
            self.last_activity_on = now
            # Not save(), which raises where the row has been deleted meanwhile.
            self.own_row.update(last_activity_on=now)

    def mark_disconnected(self, reason: str = "") -> None:
        """Mark this row as no longer connected, for one of ``ClosedReason``."""
        if self.own_row.mark_disconnected(reason):
            self.closed_reason = reason
        self.connected = False

    @property
    def own_row(self) -> WebSocketSessionQuerySet:
        """This row, where it is written: for an ``update()``, which unlike ``save()`` may find that it is gone."""
        return type(self).objects.using(router.db_for_write(type(self), instance=self)).filter(pk=self.pk)
