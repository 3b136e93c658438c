"""Find the messages that a client missed in its channels, with at most three statements for all channels.

All rows are read from the database that is written to, because a replica may not have the newest messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from django.db import models

from ..models import ChannelHistory, HistoryMessage
from .frames import MAX_MISSED_BYTES, entry_size
from .positions import START, Position, position_of

#: The most messages of a channel that one answer can contain.
_AT_ONCE = 500
#: The bytes of messages after which one answer brings no further channels. One frame can ask for 100 of them.
_MAX_BYTES = 8 * MAX_MISSED_BYTES
_COLUMNS = ("offset", "tag", "size", "excluded")


@dataclass
class Recovery:
    """The missed messages of one channel. ``at`` is its current position.

    ``gap``: the history does not reach back to the client's position. ``missed``: positions and bodies in order.
    ``upto``: the client's position after these. It is empty if nothing was missed, or if other channels took all of the
    room. ``more``: not all of it fitted.
    """

    at: str
    gap: bool = False
    missed: list[tuple[str, str]] = field(default_factory=list)
    upto: str = ""
    more: bool = False


class _Row(NamedTuple):
    """A message. Its body is only read if it fits into the answer."""

    offset: int
    tag: str
    size: int
    excluded: str
    body: str = ""

    def at(self, history: ChannelHistory) -> str:
        return str(Position(history.epoch, self.offset, self.tag))

    def is_for(self, exclusions: set[str]) -> bool:
        return self.size > 0 and self.excluded not in exclusions


class _Range(NamedTuple):
    """Offsets of one channel's messages: from ``first`` to ``last``, both included."""

    history: ChannelHistory
    first: int
    last: int

    @property
    def condition(self) -> models.Q:
        return models.Q(history=self.history.pk, offset__gte=self.first, offset__lte=self.last)

    def is_held_by(self, rows: Sequence[_Row]) -> bool:
        """Return whether ``rows`` contain all messages of this range."""
        return [row.offset for row in rows] == list(range(self.first, self.last + 1))


def recover(since: Mapping[str, Any], exclusions: set[str], using: str) -> dict[str, Recovery]:
    """Return the missed messages of each channel in ``since``, which maps channels to positions that the client sent.

    If a position is None, only the current position is read. ``exclusions``: see ``recipients.exclusions_of``.
    """
    histories = {row.channel_name: row for row in ChannelHistory.objects.using(using).filter(channel_name__in=since)}
    found = {name: Recovery(str(position_of(histories.get(name)))) for name in since}
    ranges: dict[str, _Range] = {}
    for name, text in since.items():
        if text is None:
            continue
        wanted = _wanted(histories.get(name), Position.parse(text))
        if isinstance(wanted, _Range):
            ranges[name] = wanted
        else:
            found[name].gap = wanted
    if ranges:
        _read(ranges, {name: Position.parse(since[name]) or START for name in ranges}, found, exclusions, using)
    return found


def _wanted(history: ChannelHistory | None, since: Position | None) -> _Range | bool:
    """Return the range to read, beginning with the last message that the client has seen.

    If there is nothing to read, return whether there is a gap.
    """
    newest = position_of(history)
    if since == newest:
        return False
    if since is None or history is None or since.offset >= newest.offset:
        return True
    if since != START and (since.epoch != newest.epoch or not since.offset):
        return True
    return _Range(history, max(since.offset, 1), min(newest.offset, since.offset + _AT_ONCE))


def _read(
    ranges: Mapping[str, _Range],
    since: Mapping[str, Position],
    found: dict[str, Recovery],
    exclusions: set[str],
    using: str,
) -> None:
    """Add the missed messages to ``found``. Read their sizes first, and then the bodies that fit."""
    sizes = _rows(ranges.values(), _COLUMNS, using)
    fitting: dict[str, _Range] = {}
    room = _MAX_BYTES
    for name, wanted in ranges.items():
        rows = sizes.get(wanted.history.pk, [])
        # Rows were deleted manually or trimmed, or the table was restored from a backup.
        if not wanted.is_held_by(rows) or (since[name] != START and rows[0].tag != since[name].tag):
            found[name].gap = True
            continue
        if room <= 0:
            continue
        unseen = [row for row in rows if row.offset > since[name].offset]
        last = _last_that_fits(unseen, wanted.history, exclusions)
        found[name].upto = last.at(wanted.history)
        found[name].more = last.offset < wanted.history.last_offset
        fitting[name] = _Range(wanted.history, unseen[0].offset, last.offset)
        room -= sum(row.size for row in unseen if row.offset <= last.offset)
    bodies = _rows(fitting.values(), (*_COLUMNS, "body"), using) if fitting else {}
    for name, wanted in fitting.items():
        rows = bodies.get(wanted.history.pk, [])
        found[name].gap = not wanted.is_held_by(rows)
        found[name].missed = [(row.at(wanted.history), row.body) for row in rows if row.is_for(exclusions)]


def _last_that_fits(rows: Sequence[_Row], history: ChannelHistory, exclusions: set[str]) -> _Row:
    """Return the last of the ``rows`` that fit into one frame."""
    last, room = rows[0], MAX_MISSED_BYTES
    for row in rows:
        if row.is_for(exclusions):
            room -= entry_size(row.at(history), row.size)
        if room < 0:
            break
        last = row
    return last


def _rows(ranges: Iterable[_Range], columns: tuple[str, ...], using: str) -> dict[int, list[_Row]]:
    """Return the messages of all ranges by history, in order, with one statement."""
    rows = HistoryMessage.objects.using(using).filter(reduce(or_, (one.condition for one in ranges)))
    found: dict[int, list[_Row]] = {}
    for history, *values in rows.order_by("history", "offset").values_list("history", *columns):
        found.setdefault(history, []).append(_Row(*values))
    return found
