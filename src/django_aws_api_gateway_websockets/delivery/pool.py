"""libcurl's transports of a process: their open connections are kept for the next send, and are not without number."""

from __future__ import annotations

from threading import Lock

from .curl import FEW, CurlTransport, Room


class Pool:
    """Transports that nobody uses at the moment.

    At most 32 connections a send, ``SEND_CONNECTIONS`` more for all of them, and as many waiting for the next send.
    The last one used is the next one taken, so that a single thread always finds its connections again. One of
    those kept may have grown; a second one that has is given up, as a process has few file descriptors.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._room = Room(most - FEW)
        self._kept: list[CurlTransport] = []
        self._lock = Lock()

    def take(self) -> CurlTransport:
        with self._lock:
            return self._kept.pop() if self._kept else CurlTransport(self._most, self._room)

    def give_back(self, transport: CurlTransport) -> None:
        with self._lock:
            if not (transport.has_grown and any(kept.has_grown for kept in self._kept)):
                self._kept.append(transport)
