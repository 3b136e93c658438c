"""Which rows can be believed: API Gateway does not promise ``$disconnect``, so a row can outlive its connection."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from .rows import SessionRows, silent_since


def living(sessions: SessionRows[Any]) -> Any:
    """Return those of ``sessions`` whose connection is open.

    Rows older than two hours are left out. So are rows of ``GatewaySocket`` that have been silent for too long, because
    it sends a beat after 8 minutes. Other clients can be silent and connected, if they receive messages.
    """
    return sessions.open().filter(Q(protocol_version=0) | Q(last_activity_on__gt=silent_since()))
