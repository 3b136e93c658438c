"""How long API Gateway keeps a connection, which tells whether a row that is still open can be believed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from ..conf import conf
from ..protocol import IDLE_TIMEOUT, MAX_CONNECTION_AGE


def silent_since() -> datetime:
    """Return the time since when a connection that is not in use has sent nothing.

    API Gateway closes a connection that is idle for ``IDLE_TIMEOUT``, and ``last_activity_on`` is exact to
    ``ACTIVITY_INTERVAL``.
    """
    return timezone.now() - timedelta(seconds=IDLE_TIMEOUT + conf.ACTIVITY_INTERVAL)


def living(rows: Any, session: str = "") -> Any:
    """Return those of ``rows`` whose connection is open. ``session``: the path from a row to its session row.

    A row can stay open after its connection, because API Gateway does not promise ``$disconnect``. Rows older than two
    hours are left out. So are rows of ``GatewaySocket`` that have been silent for too long, because it sends a beat
    after 8 minutes. Other clients can be silent and connected, if they receive messages.
    """
    oldest = timezone.now() - timedelta(seconds=MAX_CONNECTION_AGE)
    used = Q(**{f"{session}protocol_version": 0}) | Q(**{f"{session}last_activity_on__gt": silent_since()})
    return rows.filter(used, **{f"{session}connected": True, f"{session}created_on__gt": oldest})
