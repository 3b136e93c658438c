"""A list of connection ids that takes a quarter of the memory of one made of strings."""

from __future__ import annotations

from typing import Any, Iterator

_BATCH = 1024


class ConnectionIds:
    """Append, count, iterate, compare: an id takes its characters and one more, not 73 bytes.

    A million of them is 17 MB. Equal to any sequence of the same ids in the same order.
    """

    __slots__ = ("_packed", "_recent")
    __hash__ = None  # type: ignore[assignment]  # it changes

    def __init__(self) -> None:
        self._packed: list[str] = []
        self._recent: list[str] = []

    def append(self, connection_id: str) -> None:
        self._recent.append(connection_id)
        if len(self._recent) == _BATCH:
            self._packed.append(" ".join(self._recent))
            self._recent.clear()

    def extend(self, connection_ids: Any) -> None:
        for connection_id in connection_ids:
            self.append(connection_id)

    def __len__(self) -> int:
        return len(self._packed) * _BATCH + len(self._recent)

    def __iter__(self) -> Iterator[str]:
        for packed in self._packed:
            yield from packed.split(" ")
        yield from tuple(self._recent)

    def __contains__(self, connection_id: object) -> bool:
        return any(connection_id == other for other in self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (ConnectionIds, list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other))

    def __repr__(self) -> str:
        shown = [connection_id for connection_id, _ in zip(self, range(10))]
        return f"{shown}" if len(self) <= 10 else f"<{len(self)} connection ids, {shown[0]} …>"
