"""The findings of a probe."""

from __future__ import annotations

from typing import NamedTuple

ERROR, WARNING, INFO = "error", "warning", "info"


class Finding(NamedTuple):
    """A problem. ``id`` is stable, so scripts can use it."""

    level: str
    id: str
    what: str
    remedy: str


class Hop(NamedTuple):
    """A step of the live round trip, and how long it took."""

    name: str
    seconds: float
