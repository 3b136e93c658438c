"""Leave out rows of lost connections. API Gateway does not promise ``$disconnect``, so such rows can stay open."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from .rows import oldest_open, silent_since


def living(rows: Any, session: str = "") -> Any:
    """Return the rows whose connection is open. ``session``: the lookup path from a row to its session row."""
    return not_lost(rows, session).filter(**{f"{session}connected": True})


def not_lost(rows: Any, session: str = "") -> Any:
    """Leave out rows whose connection must have ended, even if they are marked connected.

    Rows older than two hours are left out. Rows of ``GatewaySocket`` are also left out if they have been silent for too
    long, because it sends a beat after 8 minutes. Other clients can be connected and silent, if they receive messages.
    """
    used = Q(**{f"{session}protocol_version": 0}) | Q(**{f"{session}last_activity_on__gt": silent_since()})
    return rows.filter(used, **{f"{session}created_on__gt": oldest_open()})
