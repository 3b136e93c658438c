"""A lock on a gateway row, so that one process at a time changes its API.

The lock is a column with an expiry, and one conditional UPDATE takes it. SELECT FOR UPDATE would keep a transaction
open for the minutes that AWS's limits can take. It would also hold back the ids that are recorded on the way, and
SQLite does not have it. If a process dies with the lock, the lock expires.
"""

from __future__ import annotations

import os
import socket
import uuid
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Callable, Iterator

from django.db.models import Q
from django.utils import timezone

from ..exceptions import GatewayBusy
from ..properties import WITHOUT_ANYTHING

if TYPE_CHECKING:
    from ..models import ApiGateway

#: Longer than the longest wait between two calls to AWS. Each step renews the lock.
LEASE = timedelta(minutes=5)

_RECORDED = (*WITHOUT_ANYTHING, "status")


@contextmanager
def locked(gateway: ApiGateway) -> Iterator[Callable[[], None]]:
    """Hold the row's lock, and yield a function that renews it. Raise ``GatewayBusy`` if another process has it."""
    holder = f"{socket.gethostname()[:30]}:{os.getpid()}:{uuid.uuid4().hex[:12]}"
    rows = type(gateway).objects.filter(pk=gateway.pk)
    free = Q(locked_until=None) | Q(locked_until__lt=timezone.now())
    if not rows.filter(free).update(locked_by=holder, locked_until=timezone.now() + LEASE):
        raise _busy(gateway)
    mine = rows.filter(locked_by=holder)

    def renew() -> None:
        if not mine.update(locked_until=timezone.now() + LEASE):
            raise _busy(gateway)

    try:
        # This instance does not yet have what the last holder recorded, such as the id of the API.
        gateway.refresh_from_db(fields=_RECORDED)
        yield renew
    finally:
        mine.update(locked_by="", locked_until=None)


def _busy(gateway: ApiGateway) -> GatewayBusy:
    row = type(gateway).objects.filter(pk=gateway.pk).values("locked_by", "locked_until").first()
    holder, until = (row["locked_by"], row["locked_until"]) if row else ("", None)
    return GatewayBusy(
        f"{gateway.api_name!r} is being changed by another process ({holder}). Try again when that process is done. "
        f"If it died, its lock ends at {until and timezone.localtime(until):%H:%M:%S}."
    )
