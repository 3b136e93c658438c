"""Announce that users have left, when they have been absent for the grace period."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connections
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ..conf import conf
from .after_commit import call_after_commit, repeated
from .announced import ONLINE, AnnouncedUser, announce_departures, tracks_presence
from .batches import ROWS_PER_STATEMENT, batches
from .clearing import windows
from .lifetime import living
from .memberships import ChannelMembership
from .rows import SessionRows


def check_presence(sessions: SessionRows[Any]) -> int:
    """Announce that users have left if they are absent after the grace period. Return the number of announcements."""
    count = 0
    while True:
        checked, gone = _take(sessions.write_db, sessions)
        if gone:
            call_after_commit(sessions.write_db, announce_departures, gone)
        count += len(gone)
        if not checked:
            return count


@repeated
def _take(using: str, sessions: SessionRows[Any]) -> tuple[int, list[AnnouncedUser]]:
    """Check some rows that are due, and delete the rows of absent users.

    Return the number of checked rows, and the deleted rows.
    """
    due = AnnouncedUser.objects.using(using).filter(check_after__lte=timezone.now())
    keys = list(_locked(due).values_list("pk", flat=True)[:ROWS_PER_STATEMENT])
    if not keys:
        return 0, []
    checked = AnnouncedUser.objects.using(using).filter(pk__in=keys)
    # Query the connections after the lock. A user who arrives later waits for the lock, and is announced again.
    gone = list(checked.exclude(_is_there(sessions)).select_related("user"))
    checked.filter(pk__in=[row.pk for row in gone]).delete()
    checked.update(check_after=None)
    return len(keys), gone


def find_departures(sessions: SessionRows[Any]) -> int:
    """Do what ``check_presence`` does, also for users whose connections were lost without ``$disconnect``."""
    if not tracks_presence():
        return 0
    now, rows = timezone.now(), AnnouncedUser.objects.using(sessions.write_db)
    # Leave out users whose connection has just ended. Their rows become due after the grace period.
    ended = sessions.written().filter(
        user=OuterRef("user"), connected=False, updated_on__gt=now - timedelta(seconds=conf.PRESENCE_GRACE)
    )
    for keys in windows(rows):
        window = rows.filter(pk__gte=keys[0], pk__lte=keys[-1], check_after=None)
        lost = window.exclude(_is_there(sessions)).exclude(Exists(ended))
        _make_due_now(sessions.write_db, lost)
    return check_presence(sessions)


@repeated
def _make_due_now(using: str, rows: QuerySet[AnnouncedUser]) -> None:
    for batch in batches(list(_locked(rows).values_list("pk", flat=True))):
        AnnouncedUser.objects.using(using).filter(pk__in=batch).update(check_after=timezone.now())


def _is_there(sessions: SessionRows[Any]) -> Q:
    """Return the condition that the user of an ``AnnouncedUser`` has an open connection in its channel."""
    open_now = living(sessions.written()).filter(user=OuterRef("user"))
    channel = OuterRef(OuterRef("channel_name"))
    joined = ChannelMembership.objects.filter(session=OuterRef("pk"), channel_name=channel, connected=True)
    here = open_now.filter(Q(channel_name=OuterRef("channel_name")) | Exists(joined))
    return Q(Q(channel_name=ONLINE), Exists(open_now)) | Q(Exists(here))


def _locked(rows: QuerySet[AnnouncedUser]) -> QuerySet[AnnouncedUser]:
    """Lock the rows that no other process has locked, in the order of their keys."""
    rows = rows.order_by("pk")
    # SQLite has no row locks. It allows only one writer at a time.
    skips = connections[rows.db].features.has_select_for_update_skip_locked
    return rows.select_for_update(skip_locked=True) if skips else rows
