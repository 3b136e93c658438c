"""What happened in the last hours, counted in the cache. The admin's page "Live" shows it.

Time is divided into steps of five minutes, and each kind of event has a counter for each step. An event therefore costs
one call to the cache and no database query. Connections that end are counted by their ``ClosedReason``.
"""

from __future__ import annotations

import logging
import time
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


def count(kind: str, times: int = 1) -> None:
    """Count ``times`` events of ``kind`` now. If the cache fails, log this and continue."""
    if not (conf.COUNT_EVENTS and times):
        return
    try:
        add_to_counter(_key(kind, _now()), times, STEP * (STEPS + 1))
    except Exception as error:
        logger.error("An event was not counted: the cache %r failed: %r", conf.CACHE, error)


def latest_steps(kinds: Sequence[str]) -> list[Step]:
    """Return the counts of the last hours, the oldest first."""
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
