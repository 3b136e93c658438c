"""Session rows: who opened which connection, in which channel, and whether it is still open."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models, router, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..exceptions import UnknownConnection
from ..fields import ExactCharField
from ..security.channel_rules import check_joinable
from .clearing import CleanUp, clean_up
from .closing import close_connections
from .deletion import disconnect_and_cascade, refuse_or_cascade
from .gateways import ApiGateway
from .handovers import successor_of
from .indexes import ConnectedIndex
from .memberships import ChannelMembership, DerivedTable
from .rows import MAX_ADDRESS, MAX_USER_AGENT, ClosedReason
from .sending import SendingQuerySet, SendingSession
from .verifying import VERIFY_RATE, close_gone


class WebSocketSessionQuerySet(SendingQuerySet["WebSocketSession"]):
    """A queryset of session rows: sends to them, disconnects them, and deletes the closed ones."""

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the rows, and close the connections of those that are connected."""
        with transaction.atomic(using=self.write_db):
            if not self.query.is_sliced:  # Django refuses these itself.
                close_connections(self.order_by(), ClosedReason.SITE)
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def clear_closed(
        self, older_than: timedelta = timedelta(0), *, verify: bool = False, rate: float = VERIFY_RATE
    ) -> CleanUp:
        """Delete the rows that were closed at least ``older_than`` ago, and close those whose connection AWS has ended.

        AWS closes every connection after two hours. Rows younger than a minute are kept. ``verify``: ask AWS about
        connections that have been silent for long, with at most ``rate`` calls per second.
        """
        done = CleanUp()
        for done in clean_up(self, older_than):  # noqa: B007  # The last one is the sum.
            pass
        if verify:
            close_gone(self, done, rate)
        return done

    def in_channel(self, channel_name: str) -> WebSocketSessionQuerySet:
        """Return the rows of the connections in a channel: those that connected to it, and those that joined it."""
        rows = type(self)(self.model)
        connected = rows.filter(channel_name=channel_name, connected=True).values("pk")
        joined = ChannelMembership.objects.filter(channel_name=channel_name).values("session")
        # Each half has its own index. With OR, databases would scan all rows.
        return self.filter(pk__in=DerivedTable(connected.union(joined)), connected=True)

    def open(self, **values: Any) -> WebSocketSession:
        """Record a connection. A repeated ``$connect`` gets the row of the first one, which may already be closed.

        Raise ``UnknownConnection`` if the gateway or the user has been deleted meanwhile.
        """
        try:
            with transaction.atomic(using=self.write_db):
                return self.create(**values)
        except IntegrityError as error:
            session = self.using(self.write_db).filter(connection_id=values["connection_id"]).first()
            if session is None:
                raise UnknownConnection("The gateway or the user of this connection was deleted.") from error
            return session


class WebSocketSession(SendingSession, models.Model):
    """One connection, which ``user`` opened through ``api_gateway``. An anonymous visitor's row has no user."""

    # A unique constraint, because the field's own option would add a second index for LIKE on PostgreSQL.
    connection_id = ExactCharField(_("connection id"), max_length=128)
    channel_name = ExactCharField(_("channel name"), max_length=255, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=disconnect_and_cascade,
        null=True,
        blank=True,
        related_name="websocket_sessions",
        verbose_name=_("user"),
        db_index=False,
    )
    api_gateway = models.ForeignKey(
        ApiGateway,
        on_delete=refuse_or_cascade,
        related_name="sessions",
        verbose_name=_("API gateway"),
        db_index=False,
    )
    stage_name = models.CharField(_("stage name"), max_length=128, blank=True)
    connected = models.BooleanField(_("connected"), default=True)
    closed_reason = models.CharField(_("why closed"), max_length=32, blank=True, choices=ClosedReason.choices)
    # Personal data, so the clean-up empties both after CLIENT_MAX_AGE.
    source_ip = models.CharField(_("from"), max_length=MAX_ADDRESS, blank=True)
    user_agent = models.CharField(_("browser"), max_length=MAX_USER_AGENT, blank=True)
    # The login that opened the connection. See logins.authority.
    session_key_hash = models.CharField(max_length=64, blank=True, editable=False)
    session_auth_hash = models.CharField(max_length=128, blank=True, editable=False)
    # The version of docs/protocol.md that the client speaks; 0 for a plain WebSocket.
    protocol_version = models.PositiveSmallIntegerField(default=0, editable=False)
    # The connection that this one replaces, or that replaces this one. See models.handovers.
    hand_over_with = ExactCharField(max_length=128, blank=True, editable=False)
    # The language that was active on $connect. Messages carry neither a cookie nor Accept-Language.
    language = models.CharField(max_length=16, blank=True, editable=False)
    last_activity_on = models.DateTimeField(_("last activity on"), default=timezone.now)
    created_on = models.DateTimeField(_("created on"), auto_now_add=True)
    updated_on = models.DateTimeField(_("updated on"), auto_now=True)

    objects = WebSocketSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("WebSocket session")
        verbose_name_plural = _("WebSocket sessions")
        constraints = [models.UniqueConstraint(fields=["connection_id"], name="websockets_connection_id")]
        # One index for each query and no more, because every $connect pays for every index.
        indexes = [
            # The recipients of a channel, in the order in which a send reads them.
            ConnectedIndex(fields=["channel_name", "id"], name="websockets_channel"),
            # The connections that a logout closes.
            ConnectedIndex(fields=["session_key_hash"], name="websockets_login"),
            # The connections of a gateway.
            ConnectedIndex(fields=["api_gateway"], name="websockets_gateway"),
            # Open connections, and all rows of a user who is deleted.
            models.Index(fields=["user", "connected"], name="websockets_user"),
        ]

    def __str__(self) -> str:
        return str(self.connection_id)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the row, and close the connection if it is connected."""
        rows = self.own_row.using(kwargs["using"]) if kwargs.get("using") else self.own_row
        with transaction.atomic(using=rows.db):
            close_connections(rows, ClosedReason.SITE)
            return super().delete(*args, **kwargs)

    delete.alters_data = True  # type: ignore[attr-defined]

    def touch(self) -> None:
        """Record that the connection is alive, with at most one write in ``ACTIVITY_INTERVAL`` seconds."""
        now = timezone.now()
        if (now - self.last_activity_on).total_seconds() >= conf.ACTIVITY_INTERVAL:
            self.last_activity_on = now
            # Use update() and not save(), which raises an error if the row has been deleted meanwhile.
            self.own_row.update(last_activity_on=now)

    def mark_disconnected(self, reason: str = "") -> None:
        """Mark this row as no longer connected, for one of ``ClosedReason``."""
        if self.own_row.mark_disconnected(reason):
            self.closed_reason = reason
        self.connected = False

    def join(self, channel_name: str) -> None:
        """Add this connection to a channel. Nothing happens if it is already there.

        The view's ``can_join`` is not asked. Raise ``InvalidBody`` if the name cannot be a channel name, and
        ``UnknownConnection`` if the row has been closed or deleted.
        """
        check_joinable(channel_name)
        if channel_name == self.channel_name:
            return
        with transaction.atomic(using=self.own_row.write_db):
            # Locked, so that the row cannot be closed and deleted before its membership is written.
            if not self.own_row.filter(connected=True).select_for_update().values_list("pk").first():
                successor = successor_of(self)
                if successor is None:
                    raise UnknownConnection(f"The connection {self.connection_id} is closed.")
                successor.join(channel_name)
                return
            membership = ChannelMembership(session=self, channel_name=channel_name)
            ChannelMembership.objects.using(self.own_row.write_db).bulk_create([membership], ignore_conflicts=True)

    def leave(self, channel_name: str) -> None:
        """Remove this connection from a channel, also from the one that it connected to."""
        database = self.own_row.write_db
        with transaction.atomic(using=database):
            joined = ChannelMembership.objects.using(database).filter(session=self.pk, channel_name=channel_name)
            left = joined.delete()[0]
            if channel_name and channel_name == self.channel_name:
                row = self.own_row.exclude(closed_reason=ClosedReason.MOVED)
                left += row.update(channel_name="", updated_on=timezone.now())
            successor = None if left else successor_of(self)
            if successor is not None:
                successor.leave(channel_name)
        if channel_name == self.channel_name:
            self.channel_name = ""

    @property
    def own_row(self) -> WebSocketSessionQuerySet:
        """This row in the database that it is written to. ``update()`` on it does nothing if the row was deleted."""
        return type(self).objects.using(router.db_for_write(type(self), instance=self)).filter(pk=self.pk)
