"""One deadline for several calls in a row."""

from __future__ import annotations

import time


class Deadline:
    """``seconds``, counted from the first call of :meth:`remaining`. None means no limit."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._started: float | None = None

    def remaining(self, share: float = 1.0) -> float | None:
        """Return ``share`` of the seconds that are left, which may be 0, or None if there is no limit."""
        if self._seconds is None:
            return None
        now = time.monotonic()
        if self._started is None:
            self._started = now
        return max(0.0, self._started + self._seconds - now) * share
