"""What sending and closing need from session rows: the database to write to, and marking rows as closed."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from django.db import models, router, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .activity import count

Row = TypeVar("Row", bound=models.Model, covariant=True)

# The characters that a session row has for its client.
MAX_ADDRESS, MAX_USER_AGENT = 45, 255


class ClosedReason(models.TextChoices):
    """The reason why a connection is not connected; empty if it is not known.

    The sockets of ``WAITING`` and ``MOVED`` rows are open: see ``models.handovers``.
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
    WAITING = "waiting", _("not yet open: waits for its hand-over")
    MOVED = "moved", _("replaced by another connection")


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

    def mark_disconnected(self, reason: str = "") -> int:
        """Mark the connected and the waiting rows as closed, for one of ``ClosedReason``.

        Return how many there were.
        """
        open_rows = self.filter(models.Q(connected=True) | models.Q(closed_reason=ClosedReason.WAITING))
        closed = open_rows.update(connected=False, closed_reason=reason, updated_on=timezone.now())
        if closed:
            transaction.on_commit(partial(count, reason, closed), using=self.write_db)
        return closed

    def reopen(self) -> int:
        """Mark closed rows as connected again, because their connections could not be closed. Return how many."""
        return self.filter(connected=False).update(connected=True, closed_reason="", updated_on=timezone.now())
