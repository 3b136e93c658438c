"""Split long streams into short lists, for one SQL statement or one task each."""

from __future__ import annotations

from itertools import islice
from typing import Iterable, Iterator, TypeVar

T = TypeVar("T")

#: How many rows one UPDATE or DELETE names. Old versions of SQLite take at most 999 parameters.
ROWS_PER_STATEMENT = 500


def batches(items: Iterable[T], size: int = ROWS_PER_STATEMENT) -> Iterator[list[T]]:
    """Yield ``items`` in lists of ``size``. The last list may be shorter."""
    rest = iter(items)
    batch = list(islice(rest, size))
    while batch:
        yield batch
        batch = list(islice(rest, size))
