"""One operator at a time for a gateway.

A column with an expiry, taken by one conditional UPDATE: the database decides who gets it. SELECT FOR
UPDATE would hold a transaction open for the minutes that AWS's limits can take, keep the ids that are
recorded on the way from being committed, and does not exist on SQLite. Whoever dies holding the lock
loses it when it expires.
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

if TYPE_CHECKING:
    from ..models import ApiGateway

#: Longer than the longest wait between two calls to AWS; renewed with each step.
LEASE = timedelta(minutes=5)

_RECORDED = (
    "api_id",
    "api_endpoint",
    "api_created",
    "api_gateway_domain_name",
    "api_mapping_id",
    "custom_domain_created",
    "mapped_domain_name",
    "mapped_hosted_zone_id",
    "mapped_key",
    "served_stage_name",
    "execute_api_closed",
    "status",
)


@contextmanager
def locked(gateway: ApiGateway) -> Iterator[Callable[[], None]]:
    """Hold the row's lock; gives a function that renews it. Raises ``GatewayBusy`` where someone else has it."""
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
        # What the last holder recorded, such as the id of the API, is not in this instance yet.
        gateway.refresh_from_db(fields=_RECORDED)
        yield renew
    finally:
        mine.update(locked_by="", locked_until=None)


def _busy(gateway: ApiGateway) -> GatewayBusy:
    row = type(gateway).objects.filter(pk=gateway.pk).values("locked_by", "locked_until").first()
    holder, until = (row["locked_by"], row["locked_until"]) if row else ("", None)
    return GatewayBusy(
        f"{gateway.api_name!r} is being changed by another process right now ({holder}). Try again when it is done; "
        f"if that process died, its lock ends at {until and timezone.localtime(until):%H:%M:%S}."
    )
