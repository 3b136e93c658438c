"""Which connection's ``$connect`` is being handled right now: nothing can be sent to it yet."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Collection, Iterator

# A set that is emptied, since a task or thread that outlives the $connect has a copy of the context.
_connecting: ContextVar[set[str]] = ContextVar("connecting")


@contextmanager
def connecting(connection_id: str) -> Iterator[None]:
    """While this lasts, ``connection_id`` takes no messages: API Gateway answers 410 until ``$connect`` returns."""
    current = {connection_id}
    token = _connecting.set(current)
    try:
        yield
    finally:
        current.clear()
        _connecting.reset(token)


def now_connecting() -> Collection[str]:
    """Return the ids of the connections whose ``$connect`` is being handled here. It is emptied when that returns."""
    return _connecting.get(())
