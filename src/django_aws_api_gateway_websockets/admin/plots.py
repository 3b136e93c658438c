"""Plots of counts over time as SVG, with stacked bars. The template draws them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Mapping, NamedTuple, Sequence

from django.utils.formats import number_format

# In the units of the SVG, which the page scales to its own width.
WIDTH, HEIGHT = 720, 150
LEFT, TOP, BOTTOM = 44, 10, 24
GAP = 3
#: How many kinds have their own colour. The others share the last one.
COLOURS = 5


class Bar(NamedTuple):
    """One part of a bar."""

    x: int
    y: int
    width: int
    height: int
    colour: int
    title: str


class Mark(NamedTuple):
    """A line or a word of an axis."""

    at: int
    text: str


class Plot(NamedTuple):
    """A plot with the table behind it. ``legend`` is empty if there is only one kind."""

    name: str
    title: Any
    total: str
    bars: list[Bar]
    lines: list[Mark]
    times: list[Mark]
    legend: list[tuple[int, Any, str]]
    columns: list[Any]
    rows: list[tuple[datetime, list[int]]]


def draw(name: str, title: Any, labels: Mapping[str, Any], steps: Sequence[tuple[datetime, Mapping[str, int]]]) -> Plot:
    """Return the plot of the kinds in ``labels``, those with the most events first."""
    totals = {kind: sum(counts.get(kind, 0) for _, counts in steps) for kind in labels}
    kinds = sorted((kind for kind in labels if totals[kind]), key=lambda kind: -totals[kind])
    colours = {kind: min(number, COLOURS) for number, kind in enumerate(kinds)}
    top = _round_up(max((sum(counts.get(kind, 0) for kind in kinds) for _, counts in steps), default=0))
    rows = [(start, [counts.get(kind, 0) for kind in kinds]) for start, counts in reversed(steps)]
    return Plot(
        name,
        title,
        _shown(sum(totals.values())),
        [bar for number, step in enumerate(steps) for bar in _bars(number, len(steps), step, labels, colours, top)],
        [Mark(_height(value, top), _shown(value)) for value in sorted({0, top // 2, top})],
        [
            Mark(LEFT + number * _pace(len(steps)), f"{start:%H:%M}")
            for number, (start, _) in enumerate(steps)
            if not start.minute % 30
        ],
        [(colours[kind], labels[kind], _shown(totals[kind])) for kind in kinds] if len(labels) > 1 else [],
        [labels[kind] for kind in kinds],
        [row for row in rows if any(row[1])],
    )


def _bars(
    number: int,
    steps: int,
    step: tuple[datetime, Mapping[str, int]],
    labels: Mapping[str, Any],
    colours: Mapping[str, int],
    top: int,
) -> list[Bar]:
    bars: list[Bar] = []
    below, (start, counts) = 0, step
    for kind, colour in colours.items():
        count = counts.get(kind, 0)
        if count:
            y, foot = _height(below + count, top), _height(below, top)
            title = f"{start:%H:%M} {labels[kind]}: {_shown(count)}"
            bars.append(Bar(LEFT + number * _pace(steps), y, _pace(steps) - GAP, max(foot - y, 1), colour, title))
            below += count
    return bars


def _pace(steps: int) -> int:
    return (WIDTH - LEFT) // steps


def _height(value: int, top: int) -> int:
    """Return where ``value`` is on the vertical axis, which begins at the top of the picture."""
    return HEIGHT - BOTTOM - round(value * (HEIGHT - TOP - BOTTOM) / top)


def _round_up(value: int) -> int:
    """Return the end of an axis. Half of the end is also a whole number, as in 2, 4, 6, 8, 10, 20, 40."""
    size = 1
    while True:
        for end in range(2 * size, 11 * size, 2 * size):
            if value <= end:
                return end
        size *= 10


def _shown(value: int) -> str:
    return number_format(value, force_grouping=True)
