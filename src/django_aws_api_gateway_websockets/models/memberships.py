"""The channels that a connection has joined, besides the channel of its ``$connect``."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.deletion import CASCADE, Collector
from django.utils.translation import gettext_lazy as _

from ..fields import ExactCharField
from .cascades import shows_only
from .indexes import ConnectedIndex


def cascade_unseen(collector: Collector, field: Any, rows: Any, using: str) -> None:
    """Delete memberships with their session row, but do not list them in the admin. For ``ForeignKey(on_delete=…)``."""
    if not shows_only(collector):
        CASCADE(collector, field, rows, using)


class ChannelKeys(models.Subquery):
    """The primary keys of the session rows in a channel: ``connected`` to it, or ``joined``.

    Each half has its own index. With OR, databases would scan all rows.
    """

    # MariaDB would run a UNION that is not in a derived table once for each outer row.
    template = "(SELECT * FROM (%(subquery)s) AS derived)"

    def __init__(self, connected: models.QuerySet[Any], joined: models.QuerySet[Any]) -> None:
        super().__init__(connected.values("pk").union(joined.values("session")))

    def after(self, key: Any) -> ChannelKeys:
        """Return the keys that are greater than ``key``."""
        later: ChannelKeys = self.copy()
        connected, joined = later.query.combined_queries
        connected.add_q(models.Q(pk__gt=key))
        joined.add_q(models.Q(session__gt=key))
        return later


class ChannelMembership(models.Model):
    """A channel that a connection has joined. The membership counts while the connection is open."""

    # The index of the unique constraint begins with this column, so the column needs no index of its own.
    session = models.ForeignKey(
        "WebSocketSession",
        on_delete=cascade_unseen,
        related_name="memberships",
        verbose_name=_("session"),
        db_index=False,
    )
    channel_name = ExactCharField(_("channel name"), max_length=255)
    # A copy of the session's field, so that an index finds the open members without reading the closed ones.
    connected = models.BooleanField(_("connected"), default=True, editable=False)

    class Meta:
        verbose_name = _("channel membership")
        verbose_name_plural = _("channel memberships")
        # New rows go to the end of the constraint's index, so its pages are full. Inserts into an index by channel are
        # random and leave half-empty pages. So that index contains only open members, if the database allows it.
        constraints = [models.UniqueConstraint(fields=["session", "channel_name"], name="websockets_one_membership")]
        indexes = [ConnectedIndex(fields=["channel_name", "session"], name="websockets_members")]

    def __str__(self) -> str:
        return str(self.channel_name)
