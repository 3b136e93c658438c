"""The interface through which the inspector watches the gateway and breaks it on request."""

from __future__ import annotations

from typing import Any


class Observer:
    """Does nothing. The inspector overrides every method."""

    def record(self, kind: str, connection_id: str, *details: Any) -> None:
        """Note an event. This runs for every frame, so it must only keep its arguments.

        ``details`` are strings, bytes, numbers, and tuples of them.
        """

    async def before_push(self, connection_id: str) -> None:
        """Raise ApiError to refuse a push to this connection."""

    def site_is_away(self, connection_id: str) -> bool:
        """Return whether the backend is unreachable for events of this connection."""
        return False
