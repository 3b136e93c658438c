"""What sending and closing need of the session rows: where to write them, and how to mark them closed."""

from __future__ import annotations

from typing import TypeVar

from django.db import models, router
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

Row = TypeVar("Row", bound=models.Model, covariant=True)


class ClosedReason(models.TextChoices):
    """Why a connection is closed. Empty if the row does not say."""

    CLIENT = "client", _("closed by the client or by AWS")
    GONE = "gone", _("found gone while sending")
    EXPIRED = "expired", _("end of the two hours that AWS allows")
    SWEPT = "swept", _("found gone by the clean-up")
    REFUSED = "refused", _("refused on connect")
    LOGOUT = "logout", _("logout")
    SESSION_ENDED = "session_ended", _("end of the login session")
    PASSWORD_CHANGED = "password_changed", _("password change")
    USER_INACTIVE = "user_inactive", _("user deactivated")
    USER_DELETED = "user_deleted", _("user deleted")
    SITE = "site", _("closed by the site")
    KICKED = "kicked", _("removed by the site")


class SessionRows(models.QuerySet[Row]):
    """The base of ``WebSocketSessionQuerySet``, below the methods that send."""

    @property
    def write_db(self) -> str:
        """The database that rows of this queryset are written to; a router may read them from another one."""
        # As Django's own writing methods choose it; the stubs do not know the two.
        return self._db or router.db_for_write(self.model, **self._hints)  # type: ignore[attr-defined]

    def written(self) -> SessionRows[Row]:
        """All rows, of the database that this queryset is written to."""
        return self.model._default_manager.using(self.write_db).all()  # type: ignore[return-value]

    def mark_disconnected(self, reason: str = "") -> int:
        """Mark the connected rows as closed, for one of ``ClosedReason``. Return how many there were."""
        return self.filter(connected=True).update(connected=False, closed_reason=reason, updated_on=timezone.now())

    def reopen(self) -> int:
        """Mark closed rows as connected again, because their connections could not be closed. Return how many."""
        return self.filter(connected=False).update(connected=True, closed_reason="", updated_on=timezone.now())
