"""The clean-up of session rows: closes rows whose connection AWS has ended, and deletes closed rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Iterator

from django.db import models, transaction
from django.utils import timezone

from ..conf import conf
from .batches import batches
from .deletion import delete_closed_among, not_locked
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

    Each window is a range of primary keys, in ascending order, or a list of them if ``rows`` are filtered. No statement
    scans rows that were deleted before it, and rows that are added meanwhile are left alone.
    """
    rows = rows.using(rows.write_db)
    table: SessionRows[Any] = SessionRows(rows.model, using=rows.db)
    now = timezone.now()
    remembered = models.Q(created_on__lt=now - timedelta(seconds=conf.CLIENT_MAX_AGE)) & ~models.Q(
        source_ip="", user_agent=""
    )
    closed = models.Q(connected=False, updated_on__lte=now - older_than, created_on__lte=now - YOUNG) & ~may_return(
        MAY_OPEN
    )
    closed &= ~models.Q(closed_reason=ClosedReason.MOVED, updated_on__gt=now - YOUNG)
    done = CleanUp()
    for keys, count in _parts(rows):
        window = table.filter(**{f"pk__{lookup}": value for lookup, value in keys.items()}).order_by("pk")
        done.seen += count
        if dry_run:
            done.expired += window.expired().count()
            done.deleted += window.filter(closed).count()
            done.forgotten += window.filter(remembered).exclude(closed).count()
        else:
            with transaction.atomic(using=rows.db):
                done.deleted += delete_closed_among(table.filter(closed), keys)
                done.expired += not_locked(window.expired()).mark_disconnected(ClosedReason.EXPIRED)
                done.forgotten += not_locked(window.filter(remembered)).update(source_ip="", user_agent="")
        yield done


def _parts(rows: SessionRows[Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield lookups of the primary key that find the rows of each window, and the number of rows."""
    for keys in windows(rows):
        if rows.query.where:
            # The filter of the caller can depend on memberships, or join other tables. It chooses the keys once.
            for batch in batches(dict.fromkeys(keys)):
                yield {"in": batch}, len(batch)
        else:
            yield {"gte": keys[0], "lte": keys[-1]}, len(keys)


def windows(rows: models.QuerySet[Any]) -> Iterator[list[Any]]:
    """Yield the primary keys of ``rows`` in ascending order, in lists of ``WINDOW``."""
    rows = rows.order_by("pk")
    if not rows.query.standard_ordering:  # after reverse()
        rows = rows.reverse()
    keys = rows.values_list("pk", flat=True)
    end = keys.last()
    after = keys if end is None else keys.filter(pk__lte=end)
    while True:
        window = list(after[:WINDOW])
        if not window:
            return
        yield window
        after = keys.filter(pk__gt=window[-1], pk__lte=end)
