"""Session rows: who opened which connection, in which channel, and whether it is still open."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Iterable, Sequence

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, models, router, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..exceptions import UnknownConnection
from ..fields import ExactCharField
from ..security.channel_rules import as_text, channel_of, check_channel_name, check_joinable, names_of
from .announced import arrive, joined, left
from .announcing import announce_connected
from .clearing import CleanUp, clean_up
from .closing import close_connections
from .deletion import disconnect_and_cascade, refuse_or_cascade
from .departures import find_departures
from .gateways import ApiGateway
from .handovers import successor_of
from .indexes import ConnectedIndex, SpeakingIndex
from .memberships import ChannelKeys, ChannelMembership
from .rows import MAX_ADDRESS, MAX_USER_AGENT, WAITING, ClosedReason, may_return
from .sending import SendingQuerySet, SendingSession
from .users import checked_users
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
        find_departures(self)
        return done

    def in_channel(self, channel_name: str) -> WebSocketSessionQuerySet:
        """Return the rows of the connections in a channel: those that connected to it, and those that joined it."""
        # An OuterRef would refer to the subqueries below, and find every connection.
        channel_name = channel_of("in_channel()", channel_name, "For several channels, combine querysets with |.")
        rows = type(self)(self.model)
        connected = rows.filter(channel_name=channel_name, connected=True)
        joined = ChannelMembership.objects.filter(channel_name=channel_name, connected=True)
        return self.filter(pk__in=ChannelKeys(connected, joined), connected=True)

    def for_user(self, users: Any) -> WebSocketSessionQuerySet:
        """Return the rows of a user, or of the users in a list or a queryset.

        A queryset of users is evaluated together with this one, when you send. An anonymous user has no rows.
        """
        if isinstance(users, AnonymousUser):
            return self.none()
        if isinstance(users, get_user_model()):
            return self.filter(user=users)
        if isinstance(users, (str, bytes)) or not isinstance(users, Iterable):
            raise TypeError(f"for_user() takes a user, or a list or a queryset of users, not {users!r}.")
        if not isinstance(users, models.QuerySet):
            found = checked_users("for_user()", users, "For one user, pass the user.")
            users = [user for user in found if not isinstance(user, AnonymousUser)]
        return self.filter(user__in=users)

    def record(self, **values: Any) -> WebSocketSession:
        """Record a connection. A repeated ``$connect`` gets the row of the first one, which may already be closed.

        Raise ``UnknownConnection`` if the gateway or the user has been deleted meanwhile.
        """
        try:
            with transaction.atomic(using=self.write_db):
                session: WebSocketSession = self.create(**values)
                session.is_new = True
                return session
        except IntegrityError as error:
            known = self.using(self.write_db).filter(connection_id=values["connection_id"]).first()
            if known is None:
                raise UnknownConnection("The gateway or the user of this connection was deleted.") from error
            return known


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
    # The id of the connection that this one replaced, or that replaced this one. See models.handovers.
    hand_over_with = ExactCharField(max_length=128, blank=True, editable=False)
    # The language that was active on $connect. Messages carry neither a cookie nor Accept-Language.
    language = models.CharField(max_length=16, blank=True, editable=False)
    last_activity_on = models.DateTimeField(_("last activity on"), default=timezone.now)
    created_on = models.DateTimeField(_("created on"), auto_now_add=True)
    updated_on = models.DateTimeField(_("updated on"), auto_now=True)

    objects = WebSocketSessionQuerySet.as_manager()
    #: Whether ``record()`` has just written the row. A repeated ``$connect`` is not announced.
    is_new = False

    class Meta:
        verbose_name = _("WebSocket session")
        verbose_name_plural = _("WebSocket sessions")
        constraints = [models.UniqueConstraint(fields=["connection_id"], name="websockets_connection_id")]
        # One index for each query and no more, because every $connect pays for every index.
        indexes = [
            # The recipients of a channel, in the order in which a send reads them.
            ConnectedIndex(fields=["channel_name", "id"], name="websockets_channel"),
            # The connections that a logout closes, and the closed rows that may not be opened again after it.
            SpeakingIndex(fields=["session_key_hash"], name="websockets_login"),
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
        waits = self.closed_reason == ClosedReason.WAITING
        if self.own_row.mark_disconnected(reason) if waits else self.own_row.close_one(self.pk, reason):
            self.closed_reason = reason
        self.connected = False

    def reopen(self) -> None:
        """Open a closed row and its memberships again, because its client has sent a message.

        Raise ``UnknownConnection`` unless the row was closed because AWS did not know the connection.
        """
        reopened = self.own_row.filter(may_return()).reopen()
        # Another message of the same client may have opened the row a moment ago.
        if not (reopened or self.own_row.filter(connected=True).exists()):
            raise UnknownConnection("The connection is closed.")
        self.connected, self.closed_reason = True, ""
        if reopened:
            announce_connected(self)
            arrive(self, self.channels)

    def set_channel(self, channel_name: str) -> bool:
        """Set the channel that this connection connected to. Return False if the row has been deleted.

        Raise ``InvalidBody`` if the name cannot be a channel name. An empty name takes it out of that channel.
        """
        channel_name = as_text(channel_name)
        check_channel_name(channel_name)
        self.channel_name = channel_name
        row = self.own_row.exclude(closed_reason=ClosedReason.MOVED)
        # Use update() and not save(), which raises an error if the row has been deleted.
        if not row.update(channel_name=channel_name, updated_on=timezone.now()):
            successor = successor_of(self)
            return successor is not None and bool(successor.set_channel(channel_name))
        left(self)
        if channel_name:
            joined(self, [channel_name])
        return True

    def join(self, channel_name: str) -> None:
        """Add this connection to a channel. Nothing happens if it is already there.

        The view's ``can_join`` is not asked. Raise ``InvalidBody`` if the name cannot be a channel name, and
        ``UnknownConnection`` if the row has been closed or deleted. A connection that waits for its hand-over joins
        nothing, because it gets the channels of the connection that it replaces.
        """
        self.join_all([channel_name])

    def join_all(self, channel_names: Iterable[str], at_most: int | None = None) -> list[str]:
        """Add this connection to channels, as ``join`` does. Return the names of those that it is in afterwards.

        ``at_most``: the most channels that the connection may have joined afterwards. If there are more, the last names
        are left out. The number of statements does not depend on the number of names.
        """
        channel_names = names_of("join_all()", channel_names)
        for name in channel_names:
            check_joinable(name)
        wanted = [name for name in dict.fromkeys(channel_names) if name != self.channel_name]
        inside = {self.channel_name, *(self._write_memberships(wanted, at_most) if wanted else ())}
        present = [name for name in channel_names if name in inside]
        joined(self, present)
        return present

    def _write_memberships(self, wanted: Sequence[str], at_most: int | None) -> set[str]:
        """Write the memberships that do not exist yet. Return those of ``wanted`` that exist afterwards."""
        database = self.own_row.write_db
        with transaction.atomic(using=database):
            # Lock the row, so that it cannot be closed and deleted before its memberships are written. The lock also
            # makes several joins at the same time count each other.
            if not self.own_row.filter(connected=True).select_for_update().values_list("pk").first():
                successor = successor_of(self)
                if successor is None and self.own_row.filter(WAITING).exists():
                    return set()  # It gets the channels of the connection that it replaces.
                if successor is None:
                    raise UnknownConnection(f"The connection {self.connection_id} is closed.")
                written: set[str] = successor._write_memberships(wanted, at_most)
                return written
            memberships = ChannelMembership.objects.using(database)
            present: set[str] = set()
            if at_most is not None:
                present.update(memberships.filter(session=self.pk).values_list("channel_name", flat=True))
                at_most = max(0, at_most - len(present))
            added = [name for name in wanted if name not in present][:at_most]
            memberships.bulk_create(
                (ChannelMembership(session=self, channel_name=name) for name in added), ignore_conflicts=True
            )
        return present.union(added)

    def leave(self, channel_name: str) -> None:
        """Remove this connection from a channel, also from the one that it connected to."""
        self.leave_all([channel_name])

    def leave_all(self, channel_names: Iterable[str]) -> None:
        """Remove this connection from channels, as ``leave`` does."""
        channel_names = names_of("leave_all()", channel_names)
        for name in channel_names:
            if not isinstance(name, str):
                raise TypeError(f"A connection cannot leave {name!r:.80}. Pass the name of a channel.")
        database = self.own_row.write_db
        with transaction.atomic(using=database):
            memberships = ChannelMembership.objects.using(database).filter(session=self.pk)
            ended = memberships.filter(channel_name__in=channel_names).delete()[0]
            if self.channel_name and self.channel_name in channel_names:
                row = self.own_row.exclude(closed_reason=ClosedReason.MOVED)
                ended += row.update(channel_name="", updated_on=timezone.now())
            successor = None if ended else successor_of(self)
            if successor is not None:
                successor.leave_all(channel_names)
        if self.channel_name in channel_names:
            self.channel_name = ""
        left(self)

    @property
    def channels(self) -> list[str]:
        """The names of all channels of this connection, beginning with the channel that it connected to."""
        joined = {membership.channel_name for membership in self.memberships.all()} - {self.channel_name}
        return [name for name in (self.channel_name, *sorted(joined)) if name]

    @property
    def own_row(self) -> WebSocketSessionQuerySet:
        """This row in the database that it is written to. ``update()`` on it does nothing if the row was deleted."""
        return type(self).objects.using(router.db_for_write(type(self), instance=self)).filter(pk=self.pk)
