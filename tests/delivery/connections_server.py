"""An ``@connections`` that misbehaves on demand, over real sockets.

``server.script["id="] = "gone"`` says how the connection answers, always; without a script it takes
everything; "first gone" and "twice gone" are over after one and two requests. ``server.received["id="]`` is what its
client got, ``server.calls`` every request in its order.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from urllib.parse import unquote

_MISMATCH = json.dumps(
    {
        "message": "The request signature we calculated does not match the signature you provided.\n\n"
        "The Canonical String for this request should have been\n'POST\nx-amz-security-token:planted-in-the-answer'"
    }
)
_STATUS = {
    "gone": (410, b'{"message":"Gone"}', {"x-amzn-ErrorType": "GoneException"}),
    "gone without a type": (410, b'{"message":"Gone"}', {}),
    "gone without a body": (410, b"", {}),
    "busy": (429, b'{"message":"Limit exceeded"}', {"x-amzn-ErrorType": "LimitExceededException"}),
    "too large": (413, b'{"message":"Payload too large"}', {}),
    "forbidden": (403, b'{"message":"Forbidden"}', {"x-amzn-ErrorType": "ForbiddenException"}),
    "malformed": (400, b'{"message":"Invalid connectionId"}', {"x-amzn-ErrorType": "BadRequestException"}),
    "nowhere": (404, b"<h1>Not Found</h1>", {}),
    "broken": (500, b'{"message":"Internal server error"}', {}),
    "type with a namespace": (403, b'{"Message":"No"}', {"X-Amzn-ErrorType": "com.amazon#DeniedException:http://x/"}),
    "type in the body": (400, b'{"__type":"com.amazon#OddException","message":"Odd"}', {}),
    "code in the body": (400, b'{"code":"OddException","message":"Odd"}', {}),
    "no words": (500, b"", {}),
    "plain text": (502, b"upstream connect error", {}),
    "a page": (503, b"<html><h1>Unavailable</h1></html>", {}),
    "other encoding": (502, "Fehler: nicht verf\u00fcgbar".encode("latin-1"), {}),
    "a list": (400, b'["Bad"]', {}),
    "null": (403, b"null", {}),
    "a number as the type": (400, b'{"__type":5}', {}),
    "deep": (500, b'{"message":' * 50_000, {}),
    "no text": (429, b'{"message":null}', {}),
    "wordy": (500, b"x" * 3000, {}),
    "bad signature": (403, _MISMATCH.encode(), {"x-amzn-ErrorType": "InvalidSignatureException"}),
}
_AT_FIRST = {"first ": 1, "twice ": 2}
_LOOK_UP = {
    "connectedAt": "2026-01-02T03:04:05Z",
    "lastActiveAt": "2026-01-02T03:14:05Z",
    "identity": {"sourceIp": "192.0.2.7", "userAgent": "Firefox"},
}


@dataclass
class Request:
    method: str
    path: str
    connection_id: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)


class ConnectionsServer:
    """Runs in a thread of its own until ``stop``. ``limit``: sends a second, after a burst of a tenth of it."""

    def __init__(self, ssl_context=None, limit=None):
        self.script = {}
        self.everybody = None
        self.limit = limit
        self.late = 0.0
        self.calls = []
        self.received = defaultdict(list)
        self.connections = self.open = self.most_open = 0
        self._seen = Counter()
        self._tokens, self._refilled = (limit or 0) / 10, time.monotonic()
        self._ssl = ssl_context
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait(5)

    @property
    def url(self):
        return f"{'https' if self._ssl else 'http'}://127.0.0.1:{self.port}/a1b2/production"

    @property
    def api_endpoint(self):
        return f"{'wss' if self._ssl else 'ws'}://127.0.0.1:{self.port}/a1b2"

    def stop(self):
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, ssl=self._ssl, backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        self._loop.close()

    def behaviour(self, request):
        name = self.everybody or self.script.get(request.connection_id, "fine")
        self._seen[request.connection_id] += 1
        for prefix, times in _AT_FIRST.items():
            if name.startswith(prefix):
                name = name[len(prefix) :] if self._seen[request.connection_id] <= times else "fine"
        if name == "fine" and self.limit and not self._take_token():
            return "busy"
        return name

    def _take_token(self):
        now = time.monotonic()
        self._tokens = min(self.limit / 10, self._tokens + (now - self._refilled) * self.limit)
        self._refilled = now
        self._tokens -= 1 if self._tokens >= 1 else 0
        return self._tokens >= 1


class _Connection(asyncio.Protocol):
    def __init__(self, server):
        self._server = server
        self._buffer = b""

    def connection_made(self, transport):
        self._transport = transport
        self._server.connections += 1
        self._server.open += 1
        self._server.most_open = max(self._server.most_open, self._server.open)

    def connection_lost(self, error):
        self._server.open -= 1

    def data_received(self, data):
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            match = re.search(rb"(?i)content-length: *(\d+)", head)
            length = int(match.group(1)) if match else 0
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._handle(_parse(head, rest[:length]))

    def _handle(self, request):
        server = self._server
        server.calls.append(request)
        name = server.behaviour(request)
        if name == "hang":
            return
        if name == "reset":
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
            return
        if name in _STATUS:
            self._answer(*_STATUS[name])
            return
        if request.method == "POST":
            server.received[request.connection_id].append(json.loads(request.body))
        if name == "taken, then cut":
            self._transport.abort()
            return
        body = json.dumps(_LOOK_UP).encode() if request.method == "GET" else b""
        status = 204 if request.method == "DELETE" else 200
        if name == "late":
            asyncio.get_running_loop().call_later(server.late, self._answer, status, body, {})
        else:
            self._answer(status, body, {})

    def _answer(self, status, body, headers):
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        if status != 204:
            lines.append(f"Content-Length: {len(body)}")
        self._transport.write("\r\n".join([*lines, "", ""]).encode() + body)


def _parse(head, body):
    first, *lines = head.decode().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, path, unquote(path.rsplit("/", 1)[-1]), headers, body)
