"""A small WebSocket client: enough for one round trip, without a dependency."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import struct
from contextlib import suppress
from typing import Mapping
from urllib.parse import urlsplit

from ..exceptions import WebSocketsError

_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class HandshakeFailed(WebSocketsError):
    """The gateway answered the handshake with ``status``."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The handshake was answered with {status}.")
        self.status = status


class WebSocket:
    """A connection to ``url`` with ``timeout`` seconds for each step. Raises ``OSError``."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "wss"
        port = parts.port or (443 if secure else 80)
        self._socket: socket.socket = socket.create_connection((str(parts.hostname), port), timeout)
        self._read_ahead = b""
        try:
            if secure:
                context = ssl.create_default_context()
                self._socket = context.wrap_socket(self._socket, server_hostname=parts.hostname)
            self._shake_hands(f"{parts.path or '/'}?{parts.query}", parts.netloc, headers)
        except BaseException:
            self._socket.close()
            raise

    def send(self, text: str) -> None:
        self._write(_TEXT, text.encode())

    def receive(self) -> str | None:
        """Return the next text, or None when the gateway closes the connection."""
        while True:
            code, data = self._read()
            if code == _TEXT:
                return data.decode()
            if code == _CLOSE:
                return None
            if code == _PING:
                self._write(_PONG, data)

    def ping(self) -> None:
        self._write(_PING, b"")

    def timeout(self, seconds: float) -> None:
        """Let each further step take ``seconds`` at most."""
        self._socket.settimeout(seconds)

    def close(self) -> None:
        with suppress(OSError):  # the gateway may have closed the connection already
            self._write(_CLOSE, struct.pack("!H", 1000))
        self._socket.close()

    def _shake_hands(self, target: str, host: str, headers: Mapping[str, str]) -> None:
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        words = self._line().split()
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        while self._line():
            pass
        if status != 101:
            raise HandshakeFailed(status)

    def _write(self, code: int, data: bytes) -> None:
        mask = os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else struct.pack("!BH", 0x80 | 126, len(data))
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self._socket.sendall(bytes([0x80 | code]) + size + mask + masked)

    def _read(self) -> tuple[int, bytes]:
        first, second = self._exactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
        return first & 0x0F, self._exactly(size)

    def _line(self) -> bytes:
        while b"\r\n" not in self._read_ahead:
            self._read_more()
        line, _, self._read_ahead = self._read_ahead.partition(b"\r\n")
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._read_ahead) < size:
            self._read_more()
        data, self._read_ahead = self._read_ahead[:size], self._read_ahead[size:]
        return data

    def _read_more(self) -> None:
        # Do not use a file object, because it cannot be read again after a timeout.
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("The gateway ended the connection.")
        self._read_ahead += data
