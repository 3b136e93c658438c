"""The last 10,000 events, as they arrived. They are not formatted until somebody reads them."""

from __future__ import annotations

import asyncio
import marshal
import time
from collections import deque
from typing import Any, Iterable, Iterator, NamedTuple, Tuple

#: How many events are kept, and how many bytes of text they may hold together.
MAX_EVENTS = 10_000
MAX_BYTES = 64 * 1024 * 1024
#: How many events, or how many bytes of text, are packed together. The garbage collector counts live objects, and so
#: few events rarely make it run.
_BLOCK_EVENTS = 16
_BLOCK_BYTES = 1024 * 1024

# Time, kind, connection id, details.
_Kept = Tuple[float, str, str, Tuple[Any, ...]]


class Recorded(NamedTuple):
    """An event. ``details`` depend on ``kind``, as :mod:`.presenting` describes."""

    number: int
    time: float
    kind: str
    connection_id: str
    details: tuple[Any, ...]


class _Block(NamedTuple):
    """Packed events with the numbers from ``first`` to ``last``."""

    first: int
    last: int
    packed: bytes


class Recorder:
    """A ring of events, numbered from 1. It lives in one event loop.

    Only the newest events are kept as objects. The others are packed in blocks. An event with its headers consists of
    about 50 objects, so 10,000 events would be half a million objects. These do not fit into the CPU's caches, and the
    garbage collector would run more often.
    """

    def __init__(self) -> None:
        self._blocks: deque[_Block] = deque()
        self._newest: list[_Kept] = []
        self._number = self._bytes = self._newest_bytes = 0
        self._more: asyncio.Event | None = None

    def append(self, kind: str, connection_id: str, details: tuple[Any, ...]) -> None:
        """Keep an event. ``details`` are strings, bytes, numbers, and tuples of them.

        An event that does not fit into ``MAX_BYTES`` is counted but not kept.
        """
        size = self._newest_bytes
        for item in details:
            if item.__class__ is str or item.__class__ is bytes:
                size += len(item)
        self._newest_bytes = size
        self._newest.append((time.time(), kind, connection_id, details))
        self._number += 1
        if len(self._newest) >= _BLOCK_EVENTS or size > _BLOCK_BYTES:
            self._pack()
        if self._more is not None:
            self._more.set()

    def _pack(self) -> None:
        """Pack the newest events. Drop the blocks for which there is no more room."""
        # Whatever happens to these events, the next ones must find an empty list.
        events, self._newest, self._newest_bytes = self._newest, [], 0
        block = _Block(self._number - len(events) + 1, self._number, _packed(events))
        self._blocks.append(block)
        self._bytes += len(block.packed)
        # A single block can be larger than MAX_BYTES.
        while self._blocks and (self._bytes > MAX_BYTES or self._blocks[0].last <= self._number - MAX_EVENTS):
            self._bytes -= len(self._blocks.popleft().packed)

    def after(self, number: int) -> list[Recorded]:
        """Return the events with a higher number, oldest first."""
        return list(self._from(max(number, self._number - MAX_EVENTS) + 1))

    def find(self, number: int) -> Recorded | None:
        event = next(self._from(number), None) if number > self._number - MAX_EVENTS else None
        return event if event is not None and event.number == number else None

    def _from(self, start: int) -> Iterator[Recorded]:
        for block in self._blocks:
            if block.last >= start:
                yield from _numbered(marshal.loads(block.packed), block.first, start)  # noqa: S302  our own bytes
        yield from _numbered(self._newest, self._number - len(self._newest) + 1, start)

    async def wait_for_more(self, number: int) -> None:
        """Return as soon as there is an event with a higher number."""
        while self._number <= number:
            # Create the event here, because in Python 3.8 it belongs to the loop in which it was created.
            self._more = self._more or asyncio.Event()
            self._more.clear()
            await self._more.wait()


def _packed(events: list[_Kept]) -> bytes:
    # marshal is much faster than JSON or pickle. It is safe, because these bytes never leave the process.
    try:
        return marshal.dumps(events)
    except ValueError:
        # marshal refuses subclasses, such as an HTTPStatus or a str of the site's.
        return marshal.dumps([_plain(event) for event in events])


def _plain(value: Any) -> Any:
    """Return ``value`` with the types that marshal can write. Other objects become text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, str):
        # The characters, and not what a subclass shows: str() of an Enum is its name.
        return str.__str__(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, (int, float)):
        return int(value) if isinstance(value, int) else float(value)
    return repr(value)


def _numbered(events: Iterable[_Kept], first: int, start: int) -> Iterator[Recorded]:
    """Number ``events`` from ``first``. Leave out those before ``start``."""
    for number, event in enumerate(events, first):
        if number >= start:
            yield Recorded(number, *event)
