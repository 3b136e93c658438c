"""Which rows can be believed: API Gateway does not promise ``$disconnect``, so a row can outlive its connection."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from .rows import oldest_open, silent_since


def living(rows: Any, session: str = "") -> Any:
    """Return those of ``rows`` whose connection is open. ``session``: the path from a row to its session row.

    Rows older than two hours are left out. So are rows of ``GatewaySocket`` that have been silent for too long, because
    it sends a beat after 8 minutes. Other clients can be silent and connected, if they receive messages.
    """
    used = Q(**{f"{session}protocol_version": 0}) | Q(**{f"{session}last_activity_on__gt": silent_since()})
    return rows.filter(used, **{f"{session}connected": True, f"{session}created_on__gt": oldest_open()})
