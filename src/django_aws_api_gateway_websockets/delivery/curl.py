"""Sends by libcurl (extra ``[fast]``): many connections in one thread (docs: Benchmarks)."""

from __future__ import annotations

import re
import time
from io import BytesIO
from threading import Lock
from typing import Any
from urllib.parse import quote

import pycurl

from .. import aws
from ..aws import from_status, signing_identity, timed_out, unreachable
from ..conf import conf
from ..exceptions import AwsError
from .signing import Signer
from .transport import Call, Outcome, Target

_is_plain = re.compile(r"[A-Za-z0-9_=-]*\Z").match  # what quote() would do takes ten times as long
# libcurl adds these of itself where they are not taken out.
_HEADERS = ("Expect:", "Accept:")
_TIMED_OUT = pycurl.E_OPERATION_TIMEDOUT
# What libcurl says where it would have sent the body a second time.
_CUT = pycurl.E_SEND_FAIL_REWIND


def is_able() -> bool:
    """Whether this libcurl is new enough: 7.61, which Python 3.8's wheel has, hangs where a certificate is refused."""
    return bool(pycurl.version_info()[2] >= 0x080000)


# Calls under way at once: few at first, as a fast server needs no more and each costs a connection; twice as many
# each time that all of them were under way and the first answer took longer than so many seconds.
FEW, _LONG = 32, 0.002


class Room:
    """How many calls beyond the first few of each send may be under way in a process: each costs a connection."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = Lock()

    def take(self, wanted: int) -> int:
        """How many of ``wanted`` there was room for."""
        with self._lock:
            taken = max(0, min(wanted, self._left))
            self._left -= taken
        return taken

    def give_back(self, taken: int) -> None:
        with self._lock:
            self._left += taken


class CurlTransport:
    """One libcurl multi handle. Its connections stay open for the next call."""

    def __init__(self, most: int, room: Room) -> None:
        self._most, self._room = most, room
        self._taken = 0
        self.has_grown = False  # whether it had more than a few connections once
        self._multi = pycurl.CurlMulti()
        # Never more calls than connections: a call that waited for one would use up its own timeout.
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, most)
        self._multi.setopt(pycurl.M_MAXCONNECTS, most)
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._idle: dict[str, list[_Handle]] = {}
        self._spare: list[_Handle] = []
        self._busy: dict[Any, _Handle] = {}
        self._refused: list[Outcome] = []

    def begin(self, call: Call) -> None:
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
            self._refused.append(Outcome(target, error))
            return
        handle = idle.pop() if idle else self._spare.pop() if self._spare else _Handle()
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
        if self._refused:
            refused, self._refused = self._refused, []
            return refused
        if time.monotonic() - self._identified > aws.IDENTITY_SECONDS:
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
        more = self._room.take(min(self.slots, self._most - self.slots))
        if more:
            self._taken += more
            self.slots += more
            self.has_grown = True

    def _read(self) -> list[Outcome]:
        outcomes = []
        queued = 1
        while queued:
            queued, done, broken = self._multi.info_read(self.slots)
            outcomes += [self._take(curl).outcome() for curl in done]
            outcomes += [self._take(curl).failure(number, text) for curl, number, text in broken]
        return outcomes

    def _take(self, curl: Any) -> _Handle:
        self._multi.remove_handle(curl)
        handle = self._busy.pop(curl)
        self._idle[handle.target.url].append(handle)
        return handle

    def end(self) -> None:
        self._room.give_back(self._taken)
        self._taken = 0
        # Removing a handle that has not finished closes its connection: its answer reaches nobody.
        for curl in tuple(self._busy):
            self._take(curl)


class _Handle:
    """One libcurl easy handle, set up for one call at one URL: only the path and its signature change."""

    def __init__(self) -> None:
        self.curl = pycurl.Curl()
        self.signer: Signer | None = None
        self.target = Target("", "")
        self._data = BytesIO()
        self._body: list[bytes] = []
        self.curl.setopt(pycurl.NOSIGNAL, 1)
        # By the write callback: nothing is called for an empty body, which is what a 200 has.
        self.curl.setopt(pycurl.WRITEFUNCTION, self._body.append)
        self.curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)

    def configure(self, call: Call, signer: Signer) -> None:
        self.signer, self._call = signer, call
        curl, identity = self.curl, signer.identity
        if call.method == "POST":
            curl.unsetopt(pycurl.CUSTOMREQUEST)
            # Not POSTFIELDS: where a connection that was used before is cut, libcurl sends those again, and again,
            # by itself. What it reads from us it cannot rewind. Whether to try again is the engine's to say.
            self._data = BytesIO(call.data)
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDSIZE, len(call.data))
            curl.setopt(pycurl.READFUNCTION, self._data.read)
        else:
            curl.setopt(pycurl.HTTPGET, 1)
            curl.setopt(pycurl.CUSTOMREQUEST, call.method)
        # Over TLS the first connection tells whether the server speaks HTTP/2, which takes the others too.
        curl.setopt(pycurl.PIPEWAIT, int(identity.over_tls))
        curl.setopt(pycurl.CAINFO, identity.ca_bundle)
        # Set even where empty: libcurl must not read the environment by rules of its own.
        curl.setopt(pycurl.PROXY, identity.proxy)
        curl.setopt(pycurl.NOPROXY, "")
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(conf.SEND_CONNECT_TIMEOUT * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int((conf.SEND_CONNECT_TIMEOUT + conf.SEND_READ_TIMEOUT) * 1000))

    def start(self, target: Target) -> None:
        assert self.signer is not None  # noqa: S101  configure() set it
        self.target = target
        if self._body:
            self._body.clear()
        self._data.seek(0)
        # As boto3 writes it: "=" as %3D.
        name = target.connection_id
        encoded = name.replace("=", "%3D") if _is_plain(name) else quote(name, safe="")
        self.curl.setopt(pycurl.URL, f"{target.url}/@connections/{encoded}")
        self.curl.setopt(pycurl.HTTPHEADER, [*_HEADERS, *self.signer.headers(encoded)])

    def outcome(self) -> Outcome:
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        if 200 <= status < 300:
            return Outcome(self.target, None)
        message = b"".join(self._body)[:500].decode("utf-8", "replace")
        return Outcome(self.target, from_status(self._doing(), status, message=message))

    def failure(self, number: int, text: str) -> Outcome:
        if number == _TIMED_OUT and self.curl.getinfo(pycurl.REQUEST_SIZE) > 0:
            return Outcome(self.target, timed_out(self._doing()))
        reason = "the connection was closed before an answer came" if number == _CUT else text
        return Outcome(self.target, unreachable(self._doing(), reason))

    def _doing(self) -> str:
        return self._call.describe(self.target)
