"""The last 10,000 events, as they arrived. They are not formatted until somebody reads them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from itertools import islice
from typing import Any, NamedTuple, Tuple

#: How many events are kept, and how many bytes of text they may hold together.
MAX_EVENTS = 10_000
MAX_BYTES = 64 * 1024 * 1024

# Size, time, kind, connection id, details. The garbage collector stops tracking plain tuples of strings and numbers,
# but keeps visiting lists and named tuples. With lists, the ring would take a tenth of the gateway's time.
_Kept = Tuple[int, float, str, str, Tuple[Any, ...]]


class Recorded(NamedTuple):
    """An event. ``details`` depend on ``kind``, as :mod:`.presenting` describes."""

    number: int
    time: float
    kind: str
    connection_id: str
    details: tuple[Any, ...]


class Recorder:
    """A ring of events, numbered from 1. It lives in one event loop."""

    def __init__(self) -> None:
        self._events: deque[_Kept] = deque()
        self._number = self._bytes = 0
        self._more: asyncio.Event | None = None

    def append(self, kind: str, connection_id: str, details: tuple[Any, ...]) -> None:
        """Keep an event. ``details`` are strings, bytes, numbers, and tuples of them."""
        size = 0
        for item in details:
            if item.__class__ is str or item.__class__ is bytes:
                size += len(item)
        self._events.append((size, time.time(), kind, connection_id, details))
        self._number += 1
        self._bytes += size
        while self._bytes > MAX_BYTES or len(self._events) > MAX_EVENTS:
            self._bytes -= self._events.popleft()[0]
        if self._more is not None:
            self._more.set()

    def after(self, number: int) -> list[Recorded]:
        """Return the events with a higher number, oldest first."""
        start = max(0, number + 1 - self._first)
        events = islice(self._events, start, None)
        return [Recorded(place, *event[1:]) for place, event in enumerate(events, self._first + start)]

    def find(self, number: int) -> Recorded | None:
        place = number - self._first
        return Recorded(number, *self._events[place][1:]) if 0 <= place < len(self._events) else None

    async def wait_for_more(self, number: int) -> None:
        """Return as soon as there is an event with a higher number."""
        while self._number <= number:
            # Create the event here, because in Python 3.8 it belongs to the loop in which it was created.
            self._more = self._more or asyncio.Event()
            self._more.clear()
            await self._more.wait()

    @property
    def _first(self) -> int:
        """The number of the oldest event."""
        return self._number - len(self._events) + 1
