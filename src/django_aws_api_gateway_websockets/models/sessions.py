"""The connections: who opened which socket, in which channel, and whether it is still open."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import IntegrityError, models, router, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..exceptions import UnknownConnection
from ..fields import ExactCharField
from .batches import ROWS_PER_STATEMENT
from .gateways import ApiGateway
from .rows import ClosedReason
from .sending import SendingQuerySet, SendingSession


class WebSocketSessionQuerySet(SendingQuerySet["WebSocketSession"]):
    """Session rows: sending to them, disconnecting them, and clearing closed ones away."""

    def clear_closed(self) -> int:
        """Delete the rows that are no longer connected; returns how many were."""
        deleted = 0
        written = self.using(self.write_db)
        closed = written.filter(connected=False).order_by("pk").values_list("pk", flat=True)
        while True:
            batch = list(closed[:ROWS_PER_STATEMENT])
            if not batch:
                return deleted
            self.written().filter(pk__in=batch).delete()
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


class WebSocketSession(SendingSession, models.Model):
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
    # The language that was active on $connect. Messages carry neither a cookie nor Accept-Language.
    language = models.CharField(max_length=16, blank=True, editable=False)
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
