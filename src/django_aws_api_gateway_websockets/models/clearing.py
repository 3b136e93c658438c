"""The clean-up of session rows: closes rows whose connection AWS has ended, and deletes closed rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Iterator

from django.db import connections, models, transaction
from django.utils import timezone

from ..conf import conf
from .deletion import delete_closed_between
from .rows import MAY_OPEN, ClosedReason, SessionRows, may_return

# How many rows one statement reads.
WINDOW = 5_000
# A $disconnect can overtake its $connect. The closed row of the $disconnect then makes the view refuse the $connect.
# Also, messages can still arrive from a connection that was replaced a moment ago.
YOUNG = timedelta(seconds=60)


@dataclass
class CleanUp:
    """What a clean-up has done so far, or would do in a dry run."""

    seen: int = 0  #: rows that it has read
    expired: int = 0  #: rows that were still open after the two hours that AWS allows, and are closed now
    deleted: int = 0  #: closed rows that are deleted
    forgotten: int = 0  #: rows whose address and browser were deleted
    asked: int = 0  #: connections that AWS was asked about
    swept: int = 0  #: of these, the ones that AWS does not know, and whose rows are closed now
    unanswered: int = 0  #: of these, the ones about which AWS gave no answer


def clean_up(rows: SessionRows[Any], older_than: timedelta, dry_run: bool = False) -> Iterator[CleanUp]:
    """Close expired rows and delete rows that were closed ``older_than`` ago. Yield the progress after each window.

    Each window is a range of primary keys, in ascending order. No statement scans rows that were deleted before it, and
    rows that are added meanwhile are left alone.
    """
    rows = rows.using(rows.write_db).order_by("pk")
    now = timezone.now()
    remembered = models.Q(created_on__lt=now - timedelta(seconds=conf.CLIENT_MAX_AGE)) & ~models.Q(
        source_ip="", user_agent=""
    )
    closed = models.Q(connected=False, updated_on__lte=now - older_than, created_on__lte=now - YOUNG) & ~may_return(
        MAY_OPEN
    )
    closed &= ~models.Q(closed_reason=ClosedReason.MOVED, updated_on__gt=now - YOUNG)
    done = CleanUp()
    for first, last, count in windows(rows):
        window = rows.filter(pk__gte=first, pk__lte=last)
        done.seen += count
        if dry_run:
            done.expired += window.expired().count()
            done.deleted += window.filter(closed).count()
            done.forgotten += window.filter(remembered).exclude(closed).count()
        else:
            with transaction.atomic(using=rows.db):
                done.deleted += delete_closed_between(rows.filter(closed), first, last)
                done.expired += _free(window.expired()).mark_disconnected(ClosedReason.EXPIRED)
                done.forgotten += _free(window.filter(remembered)).update(source_ip="", user_agent="")
        yield done


def windows(rows: models.QuerySet[Any]) -> Iterator[tuple[Any, Any, int]]:
    """Yield the first key, the last key and the number of rows of each window."""
    keys = rows.values_list("pk", flat=True)
    end = keys.last()
    after = keys if end is None else keys.filter(pk__lte=end)
    while True:
        window = list(after[:WINDOW])
        if not window:
            return
        yield window[0], window[-1], len(window)
        after = keys.filter(pk__gt=window[-1], pk__lte=end)


def _free(rows: SessionRows[Any]) -> SessionRows[Any]:
    """Lock the rows that nobody else is writing, and return these. The others are left to the next run.

    Others close rows in any order, so an UPDATE that waited for them could end in a deadlock. A DELETE cannot
    deadlock, because only clean-ups lock rows that are closed for good, and they delete them in the same order.
    """
    if not connections[rows.db].features.has_select_for_update_skip_locked:
        return rows  # SQLite has one writer
    return rows.filter(pk__in=list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)))
