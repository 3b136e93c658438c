"""What sending and closing need from session rows: the database to write to, and marking rows as closed."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any, Sequence, TypeVar

from django.db import models, router, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..protocol import IDLE_TIMEOUT, MAX_CONNECTION_AGE
from .activity import count
from .announcing import announce_ends, ends_are_heard
from .batches import batches

Row = TypeVar("Row", bound=models.Model, covariant=True)
Rows = TypeVar("Rows", bound="SessionRows[Any]")

# The characters that a session row has for its client.
MAX_ADDRESS, MAX_USER_AGENT = 45, 255


class ClosedReason(models.TextChoices):
    """The reason why a row is not connected. It is empty if the reason is not known.

    The sockets of ``WAITING`` and ``MOVED`` rows are open. See ``models.handovers``.
    """

    CLIENT = "client", _("closed by the client or by API Gateway")
    GONE = "gone", _("found gone while sending")
    EXPIRED = "expired", _("end of the two hours that API Gateway allows")
    SWEPT = "swept", _("found gone by the clean-up")
    REFUSED = "refused", _("refused on connect")
    LOGOUT = "logout", _("logout")
    SESSION_ENDED = "session_ended", _("end of the login session")
    PASSWORD_CHANGED = "password_changed", _("password change")
    USER_INACTIVE = "user_inactive", _("user deactivated")
    USER_DELETED = "user_deleted", _("user deleted")
    SITE = "site", _("closed by the site")
    KICKED = "kicked", _("removed by the site")
    WAITING = "waiting", _("waiting for its hand-over")
    MOVED = "moved", _("replaced by another connection")


# Not connected, but not closed either: see models.handovers.
WAITING = models.Q(connected=False, closed_reason=ClosedReason.WAITING)
#: Rows that were closed without the client's or the site's doing. If the client still speaks, the row is opened again.
MAY_RETURN = (ClosedReason.GONE, ClosedReason.SWEPT)
#: The site's own reasons are among these, because a goodbye that fails opens its rows again.
MAY_OPEN = (*MAY_RETURN, ClosedReason.SITE, ClosedReason.KICKED)
# API Gateway disconnects a client after ten minutes without a message, and nothing is sent to closed rows.
_RETURNS_WITHIN = timedelta(seconds=IDLE_TIMEOUT + 60)


def may_return(reasons: Sequence[str] = MAY_RETURN) -> models.Q:
    """Return the condition for closed rows whose clients may still speak."""
    since = timezone.now() - _RETURNS_WITHIN
    return models.Q(connected=False, closed_reason__in=reasons, updated_on__gt=since, created_on__gt=oldest_open())


def oldest_open() -> datetime:
    """Return the earliest time at which an open connection can have begun. AWS closes it after two hours."""
    return timezone.now() - timedelta(seconds=MAX_CONNECTION_AGE)


def silent_since() -> datetime:
    """Return the limit for ``last_activity_on``. Idle connections with an earlier value have been closed.

    API Gateway closes a connection that is idle for ``IDLE_TIMEOUT``. ``last_activity_on`` can be out of date by
    ``ACTIVITY_INTERVAL``.
    """
    return timezone.now() - timedelta(seconds=IDLE_TIMEOUT + conf.ACTIVITY_INTERVAL)


class SessionRows(models.QuerySet[Row]):
    """The base of ``WebSocketSessionQuerySet``, without the methods that send."""

    @property
    def write_db(self) -> str:
        """The database that this queryset's rows are written to. A router may read them from another one."""
        # Django's own writing methods choose it in the same way, but the stubs do not know these two attributes.
        return self._db or router.db_for_write(self.model, **self._hints)  # type: ignore[attr-defined]

    def written(self) -> SessionRows[Row]:
        """All rows, from the database that this queryset is written to."""
        return self.model._default_manager.using(self.write_db).all()  # type: ignore[return-value]

    def open(self: Rows) -> Rows:
        """Return the rows of open connections: they are marked as connected, and younger than two hours."""
        return self.filter(connected=True, created_on__gt=oldest_open())

    def expired(self: Rows) -> Rows:
        """Return the rows that are marked as connected, although AWS has ended their connections after two hours."""
        return self.filter(connected=True, created_on__lte=oldest_open())

    def stale(self: Rows) -> Rows:
        """Return open rows without a message for 11 minutes. Their clients have probably disconnected.

        API Gateway disconnects a client after ten minutes without a message, unless something is sent to the client.
        """
        return self.open().filter(last_activity_on__lt=silent_since())

    def mark_disconnected(self, reason: str = "") -> int:
        """Mark connected and waiting rows as closed. ``reason`` is one of ``ClosedReason``. Return the number of rows.

        For each row that was connected, the signal ``session_disconnected`` is sent after the commit.
        """
        closed, ended = self.close_unannounced(reason)
        announce_ends(ended, self.write_db)
        return closed

    def close_unannounced(self, reason: str) -> tuple[int, list[Row]]:
        """Do what ``mark_disconnected`` does, but announce nothing.

        Return the number of rows, and the rows that the caller must announce with ``announce_ends``.
        """
        with transaction.atomic(using=self.write_db):
            locked = self._lock(models.Q(connected=True) | WAITING)
            closed = sum(self._write(batch, False, reason) for batch in batches(key for key, _ in locked))
            self._count(reason, closed)
            return closed, self.heard([key for key, connected in locked if connected], reason)

    def close_one(self, key: Any, reason: str) -> bool:
        """Mark a connected row as closed, by its primary key. Return whether it was connected.

        This does what ``mark_disconnected`` does, but without a lock. The row must not be a waiting one.
        """
        with transaction.atomic(using=self.write_db):
            closed = self._write([key], False, reason)
            self._count(reason, closed)
            announce_ends(self.heard([key] if closed else [], reason), self.write_db)
            return bool(closed)

    def reopen(self) -> int:
        """Mark closed rows as connected again, because their connections are still open. Return how many.

        Rows whose login has ended meanwhile stay closed. ``never_return`` has emptied their mark.
        """
        stands = models.Q(user=None) | ~models.Q(session_auth_hash="")
        with transaction.atomic(using=self.write_db):
            locked = self._lock(models.Q(connected=False) & stands)
            return sum(self._write(batch, True, "") for batch in batches(key for key, _ in locked))

    def never_return(self, reason: str) -> int:
        """Keep closed rows from being opened again. ``reason`` replaces the one of those that were found gone."""
        found_gone = models.When(closed_reason__in=MAY_RETURN, then=models.Value(str(reason)))
        # updated_on stays the time when the connection ended.
        return (
            self.using(self.write_db)
            .filter(may_return(MAY_OPEN))
            .update(closed_reason=models.Case(found_gone, default=models.F("closed_reason")), session_auth_hash="")
        )

    def _lock(self, which: models.Q) -> list[tuple[Any, bool]]:
        """Lock the rows that match ``which``. Return the primary key of each, and whether it is connected."""
        # The subquery makes any queryset lockable, such as one with distinct().
        these = self.using(self.write_db).order_by().values("pk")
        rows = self.written().filter(which, pk__in=these).order_by("pk")
        return list(rows.select_for_update().values_list("pk", "connected"))

    def _write(self, keys: list[Any], connected: bool, reason: str) -> int:
        """Open or close the rows with these keys, which are locked. A single row needs no lock."""
        before = models.Q(connected=False) if connected else models.Q(connected=True) | WAITING
        rows = self.written().filter(before, pk__in=keys)
        changed = rows.update(connected=connected, closed_reason=reason, updated_on=timezone.now())
        if changed:
            memberships_of(self.model, self.write_db).filter(session__in=keys).update(connected=connected)
        return changed

    def heard(self, closed: list[Any], reason: str) -> list[Row]:
        """Return the rows with these keys if their end must be announced."""
        # A refused connection was never announced, so its end is not announced either.
        if reason == ClosedReason.REFUSED or not ends_are_heard(self.model):
            return []
        rows = self.written().select_related("user")
        return [row for batch in batches(closed) for row in rows.filter(pk__in=batch)]

    def _count(self, reason: str, closed: int) -> None:
        if closed:
            transaction.on_commit(partial(count, reason, closed), using=self.write_db)


def memberships_of(model: Any, using: str) -> Any:
    """Return the memberships of the session rows of ``model``."""
    return model._meta.get_field("memberships").related_model._base_manager.using(using)
