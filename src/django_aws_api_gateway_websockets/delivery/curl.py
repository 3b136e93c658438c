"""Calls by libcurl (extra ``[fast]``): many connections in one thread (docs: Benchmarks)."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

import pycurl

from ..aws import identity, signing_identity
from ..exceptions import AwsError
from .curl_handle import Handle
from .signing import Signer
from .transport import Call, Outcome, Target

# Python 3.8's wheel has libcurl 7.61, which hangs if a certificate is refused.
if pycurl.version_info()[2] < 0x080000:
    raise ImportError(f"libcurl 8 or newer is needed, and pycurl has {pycurl.version_info()[1]}")

#: Calls in progress at once. Each needs a connection, and a fast server needs few, so start low. Double the limit
#: whenever all slots were busy and the first answer took longer than this many seconds.
FEW, _LONG = 32, 0.002


class ConnectionBudget:
    """How many more connections this process may open for sends that need more than their first few."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = Lock()

    def acquire(self, wanted: int) -> int:
        """Reserve up to ``wanted`` connections. Return how many were reserved."""
        with self._lock:
            acquired = max(0, min(wanted, self._left))
            self._left -= acquired
        return acquired

    def release(self, count: int) -> None:
        """Release ``count`` connections."""
        with self._lock:
            self._left += count


class CurlTransport:
    """A libcurl multi handle. Its connections stay open for the next call."""

    def __init__(self, most: int, budget: ConnectionBudget) -> None:
        self._most, self._budget = most, budget
        self._acquired = 0
        self.has_grown = False  # whether it ever had more than the first few connections
        self._multi = pycurl.CurlMulti()
        # As many connections as calls, because a call that waits for a connection uses up its own timeout.
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, most)
        self._multi.setopt(pycurl.M_MAXCONNECTS, most)
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._idle: dict[str, list[Handle]] = {}  # keyed by the URL for which they are configured
        self._spare: list[Handle] = []
        self._busy: dict[Any, Handle] = {}
        self._unsigned: list[Outcome] = []

    def begin(self, call: Call) -> None:
        """Make ``call`` to the targets submitted from now on."""
        self._call = call
        self.slots = min(FEW, self._most)
        self._signers: dict[str, Signer] = {}
        self._identified = time.monotonic()
        for handles in self._idle.values():
            self._spare += handles
        self._idle = {}

    def submit(self, target: Target) -> None:
        url = target.url
        try:
            idle = self._idle[url]
        except KeyError:
            idle = self._idle[url] = []
        try:
            signer = self._signers.get(url) or self._identify(url)
        except AwsError as error:
            self._unsigned.append(Outcome(target, error))
            return
        handle = idle.pop() if idle else self._spare.pop() if self._spare else Handle()
        if handle.signer is not signer:
            handle.configure(self._call, signer)
        handle.start(target)
        self._busy[handle.curl] = handle
        self._multi.add_handle(handle.curl)

    def _identify(self, url: str) -> Signer:
        signer = self._signers[url] = Signer(self._call, url, signing_identity(url))
        self._identified = time.monotonic()
        return signer

    def finished(self, timeout: float) -> list[Outcome]:
        if self._unsigned:
            unsigned, self._unsigned = self._unsigned, []
            return unsigned
        if time.monotonic() - self._identified > identity.IDENTITY_SECONDS:
            self._signers.clear()
        self._multi.perform()
        outcomes = self._read()
        if not outcomes and self._busy:
            self._wait(timeout)
            self._multi.perform()
            outcomes = self._read()
        return outcomes

    def _wait(self, timeout: float) -> None:
        began = time.monotonic()
        self._multi.select(timeout)
        if len(self._busy) >= self.slots and time.monotonic() - began > _LONG:
            self._grow()

    def _grow(self) -> None:
        more = self._budget.acquire(min(self.slots, self._most - self.slots))
        if more:
            self._acquired += more
            self.slots += more
            self.has_grown = True

    def _read(self) -> list[Outcome]:
        outcomes = []
        queued = 1
        while queued:
            queued, done, broken = self._multi.info_read(self.slots)
            outcomes += [self._release(curl).outcome() for curl in done]
            outcomes += [self._release(curl).failure(number, text) for curl, number, text in broken]
        return outcomes

    def _release(self, curl: Any) -> Handle:
        self._multi.remove_handle(curl)
        handle = self._busy.pop(curl)
        self._idle[handle.target.url].append(handle)
        return handle

    def end(self) -> None:
        """Abandon the calls in progress, and keep the connections."""
        self._budget.release(self._acquired)
        self._acquired = 0
        # Removing a handle that has not finished closes its connection, so its answer is lost.
        for curl in tuple(self._busy):
            self._release(curl)
