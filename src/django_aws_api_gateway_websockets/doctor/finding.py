"""What a probe found."""

from __future__ import annotations

from typing import NamedTuple

ERROR, WARNING, INFO = "error", "warning", "info"


class Finding(NamedTuple):
    """One thing that is wrong. ``id`` is stable, for scripts."""

    level: str
    id: str
    what: str
    remedy: str


class Hop(NamedTuple):
    """One step of the live round trip, and how long it took."""

    name: str
    seconds: float
