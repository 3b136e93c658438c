"""The last 10,000 events, kept as they came. Nothing is formatted before somebody reads it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from itertools import islice
from typing import Any, NamedTuple

#: How many events are kept, and how many bytes of texts they may hold together.
MAX_EVENTS = 10_000
MAX_BYTES = 64 * 1024 * 1024


class Recorded(NamedTuple):
    """An event. ``details`` depend on ``kind``; :mod:`.presenting` knows them."""

    number: int
    time: float
    kind: str
    connection_id: str
    details: tuple[Any, ...]


class Recorder:
    """A ring of events, numbered from 1. Lives in one event loop."""

    def __init__(self) -> None:
        self._events: deque[Recorded] = deque()
        self._number = self._bytes = 0
        self._more: asyncio.Event | None = None

    def append(self, kind: str, connection_id: str, details: tuple[Any, ...]) -> None:
        self._number += 1
        self._events.append(Recorded(self._number, time.time(), kind, connection_id, details))
        self._bytes += _size(details)
        while self._bytes > MAX_BYTES or len(self._events) > MAX_EVENTS:
            self._bytes -= _size(self._events.popleft().details)
        if self._more is not None:
            self._more.set()

    def after(self, number: int) -> list[Recorded]:
        """Return the events with a higher number, oldest first."""
        first = self._events[0].number if self._events else 0
        return list(islice(self._events, max(0, number + 1 - first), None))

    def find(self, number: int) -> Recorded | None:
        first = self._events[0].number if self._events else 0
        index = number - first
        return self._events[index] if 0 <= index < len(self._events) else None

    async def wait_for_more(self, number: int) -> None:
        """Return as soon as there is an event with a higher number."""
        while self._number <= number:
            # Made here, because in Python 3.8 an Event belongs to the loop in which it was made.
            self._more = self._more or asyncio.Event()
            self._more.clear()
            await self._more.wait()


def _size(details: tuple[Any, ...]) -> int:
    """Return the size of the texts and bodies in ``details``, roughly."""
    return sum(len(item) for item in details if isinstance(item, (str, bytes)))
