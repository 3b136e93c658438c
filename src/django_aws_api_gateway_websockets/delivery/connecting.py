"""The connections whose ``$connect`` is being handled right now. Nothing can be sent to them yet."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Collection, Iterator

# A mutable set, because a task or thread that outlives the $connect keeps a copy of the context.
_connecting: ContextVar[set[str]] = ContextVar("connecting")


@contextmanager
def connecting(connection_id: str) -> Iterator[None]:
    """Keep messages from ``connection_id`` inside this block. API Gateway answers 410 until ``$connect`` returns."""
    current = {connection_id}
    token = _connecting.set(current)
    try:
        yield
    finally:
        current.clear()
        _connecting.reset(token)


def now_connecting() -> Collection[str]:
    """Return the ids of the connections whose ``$connect`` is being handled here.

    The set is emptied when it returns.
    """
    return _connecting.get(())
