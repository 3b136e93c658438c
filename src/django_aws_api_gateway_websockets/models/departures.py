"""Announce that users have left, once they have been absent for the grace period."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ..conf import conf
from .announced import ONLINE, AnnouncedUser, announce_departures, tracks_presence
from .batches import ROWS_PER_STATEMENT, batches
from .clearing import windows
from .lifetime import living
from .memberships import ChannelMembership
from .rows import SessionRows


def check_presence(sessions: SessionRows[Any]) -> int:
    """Announce the users whose grace period is over and who have not come back. Return the number of announcements."""
    using, count = sessions.write_db, 0
    while True:
        with transaction.atomic(using=using):
            due = AnnouncedUser.objects.using(using).filter(check_after__lte=timezone.now())
            rows = list(_locked(due)[:ROWS_PER_STATEMENT])
            if not rows:
                return count
            checked = AnnouncedUser.objects.using(using).filter(pk__in=[row.pk for row in rows])
            # Asked after the lock. A user who comes later waits for it, and is announced again.
            gone = list(checked.exclude(_is_there(sessions)).select_related("user"))
            checked.filter(pk__in=[row.pk for row in gone]).delete()
            checked.update(check_after=None)
            if gone:
                transaction.on_commit(partial(announce_departures, gone), using=using, robust=True)
            count += len(gone)


def find_departures(sessions: SessionRows[Any]) -> int:
    """Do what ``check_presence`` does, also for users whose connections ended without anybody noticing."""
    if not tracks_presence():
        return 0
    now, rows = timezone.now(), AnnouncedUser.objects.using(sessions.write_db)
    # The rows of a user whose connection has just ended are about to become due.
    ended = sessions.written().filter(
        user=OuterRef("user"), connected=False, updated_on__gt=now - timedelta(seconds=conf.PRESENCE_GRACE)
    )
    for first, last, _ in windows(rows.order_by("pk")):
        window = rows.filter(pk__gte=first, pk__lte=last, check_after=None)
        with transaction.atomic(using=rows.db):
            lost = _locked(window.exclude(_is_there(sessions)).exclude(Exists(ended)))
            for batch in batches(list(lost.values_list("pk", flat=True))):
                rows.filter(pk__in=batch).update(check_after=now)
    return check_presence(sessions)


def _is_there(sessions: SessionRows[Any]) -> Q:
    """Return the condition that the user of an ``AnnouncedUser`` has a connection there."""
    open_now = living(sessions.written()).filter(user=OuterRef("user"))
    joined = ChannelMembership.objects.filter(session=OuterRef("pk"), channel_name=OuterRef(OuterRef("channel_name")))
    here = open_now.filter(Q(channel_name=OuterRef("channel_name")) | Exists(joined))
    return Q(Q(channel_name=ONLINE), Exists(open_now)) | Q(Exists(here))


def _locked(rows: QuerySet[AnnouncedUser]) -> QuerySet[AnnouncedUser]:
    """Lock the rows that nobody else has locked, in the order in which everybody locks them."""
    rows = rows.order_by("pk")
    # SQLite has one writer.
    skips = connections[rows.db].features.has_select_for_update_skip_locked
    return rows.select_for_update(skip_locked=True) if skips else rows
