"""The libcurl transports of a process. Their open connections are kept for the next send, up to a limit."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Lock
from typing import Iterator

from ..conf import conf
from .curl import FEW, ConnectionBudget, CurlTransport
from .transport import Call

# The key contains the process id and the size, because servers fork and processes must not share a connection.
_pools: dict[tuple[int, int], Pool] = {}


@contextmanager
def curl_transport(call: Call, many: bool) -> Iterator[CurlTransport]:
    """Open a transport of libcurl for ``call``."""
    key = (os.getpid(), conf.SEND_CONNECTIONS)
    pool = _pools.get(key) or _pools.setdefault(key, Pool(conf.SEND_CONNECTIONS))
    transport = pool.acquire()
    transport.begin(call)
    try:
        yield transport
    finally:
        transport.end()
    # It is not kept after an exception, which may have left it in an unknown state.
    pool.release(transport)


class Pool:
    """Transports that no send is using.

    A process has few file descriptors. Each send therefore gets 32 connections, and all sends share
    ``SEND_CONNECTIONS`` more. At most one transport that has grown beyond 32 is kept. The transport released last is
    acquired first, so that a single thread always finds its connections again.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._budget = ConnectionBudget(most - FEW)
        self._kept: list[CurlTransport] = []
        self._lock = Lock()

    def acquire(self) -> CurlTransport:
        """Return a transport for one send."""
        with self._lock:
            return self._kept.pop() if self._kept else CurlTransport(self._most, self._budget)

    def release(self, transport: CurlTransport) -> None:
        """Keep ``transport`` for the next send."""
        with self._lock:
            if not (transport.has_grown and any(kept.has_grown for kept in self._kept)):
                self._kept.append(transport)
