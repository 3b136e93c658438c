"""Which connection's ``$connect`` is being handled right now: nothing can be sent to it yet."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Iterator

_connecting: ContextVar[str | None] = ContextVar("connecting", default=None)


@contextmanager
def connecting(connection_id: str) -> Iterator[None]:
    """While this lasts, ``connection_id`` takes no messages: API Gateway answers 410 until ``$connect`` returns."""
    token = _connecting.set(connection_id)
    try:
        yield
    finally:
        _connecting.reset(token)


def is_connecting(connection_id: str) -> bool:
    return _connecting.get() == connection_id
