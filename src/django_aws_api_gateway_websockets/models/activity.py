"""What happened in the last hours, counted in the cache. The admin's page "Live" shows it.

Time is divided into steps of five minutes. Each kind of event has a counter for each step. Each process adds its events
to these counters at most once per second, so an event costs no database query and rarely a call to the cache.
Connections that end are counted by their ``ClosedReason``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from datetime import datetime, timezone
from typing import NamedTuple, Sequence

from django.core.cache import caches

from ..conf import conf
from ..delivery import DeliveryReport
from ..security.counters import add_to_counter

logger = logging.getLogger("django_aws_api_gateway_websockets")

STEP = 300  #: seconds
STEPS = 36  #: three hours
CONNECTS, MESSAGES = "connects", "messages"
_WRITE_INTERVAL = 1.0  # seconds
_FAILURES = "websockets:activity:failures"
_FAILURES_KEPT = 20


class Step(NamedTuple):
    """The number of events of each kind in five minutes. Kinds without events are left out."""

    start: datetime
    counts: dict[str, int]


class Failure(NamedTuple):
    """A send that did not reach everybody."""

    at: datetime
    text: str


class _Unwritten:
    """The events of this process that are not in the cache yet: the number for each cache key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._written_at = float("-inf")

    def add(self, key: str, times: int) -> None:
        with self._lock:
            self._counts[key] += times

    def is_due(self) -> bool:
        return time.monotonic() - self._written_at >= _WRITE_INTERVAL

    def take(self) -> Counter[str]:
        with self._lock:
            taken, self._counts = self._counts, Counter()
            self._written_at = time.monotonic()
        return taken


_unwritten = _Unwritten()


def count(kind: str, times: int = 1) -> None:
    """Count ``times`` events of ``kind`` now. If the cache fails, log this and continue."""
    if not (conf.COUNT_EVENTS and times):
        return
    _unwritten.add(_key(kind, _now()), times)
    if _unwritten.is_due():
        write_counts()


def write_counts() -> None:
    """Add the counts of this process to the counters in the cache."""
    for key, times in _unwritten.take().items():
        try:
            add_to_counter(key, times, STEP * (STEPS + 1))
        except Exception as error:
            logger.error("Events were not counted: the cache %r failed: %r", conf.CACHE, error)


def latest_steps(kinds: Sequence[str]) -> list[Step]:
    """Return the counts of the last hours, the oldest first.

    Events that followed the last write of another process within a second are missing until its next event.
    """
    write_counts()
    numbers = range(_now() - STEPS + 1, _now() + 1)
    found: dict[str, int] = caches[conf.CACHE].get_many([_key(kind, number) for number in numbers for kind in kinds])
    return [
        Step(_time(number * STEP), {kind: found[_key(kind, number)] for kind in kinds if _key(kind, number) in found})
        for number in numbers
    ]


def note_failure(outcome: DeliveryReport | Exception) -> None:
    """Remember a send that did not reach everybody."""
    if not conf.COUNT_EVENTS:
        return
    try:
        cache = caches[conf.CACHE]
        failures = [(time.time(), str(outcome)), *cache.get(_FAILURES, ())]
        cache.set(_FAILURES, failures[:_FAILURES_KEPT], STEP * STEPS)
    except Exception as error:
        logger.error("A failure was not noted: the cache %r failed: %r", conf.CACHE, error)


def latest_failures() -> list[Failure]:
    """Return the latest sends that did not reach everybody, the newest first."""
    return [Failure(_time(at), text) for at, text in caches[conf.CACHE].get(_FAILURES, ())]


def _now() -> int:
    return int(time.time() // STEP)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _key(kind: str, number: int) -> str:
    return f"websockets:activity:{kind}:{number}"
