"""One WebSocket from its 101 to its end: frames, limits, timers and closing.

wsproto reads the frames; it reports pieces of a frame as they come, so a frame that is too large is
refused before all of it has arrived.
"""

from __future__ import annotations

import asyncio
import time
from typing import Awaitable, Callable, NamedTuple

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage

from ..protocol import (
    CLOSE_ABNORMAL,
    CLOSE_GOING_AWAY,
    CLOSE_TOO_BIG,
    CLOSE_UNSUPPORTED_DATA,
    MAX_FRAME_BYTES,
    MAX_MESSAGE_BYTES,
)
from . import unknowns
from .errors import Gone, LimitExceeded

_READ_BYTES = 64 * 1024


class Timers(NamedTuple):
    """Seconds without a message, and of life, after which a connection is closed."""

    idle: float
    age: float


class Client(NamedTuple):
    """Who connected, from where and by which name of ours (its ``Host`` header)."""

    source_ip: str
    user_agent: str | None
    domain_name: str


class Socket:
    """``on_message(socket, text)`` runs for each message, several at a time; ``on_gone(socket, code)`` once,
    as soon as the connection counts as closed, by whichever side."""

    def __init__(self, api_id: str, stage: str, connection_id: str, client: Client) -> None:
        self.api_id, self.stage, self.connection_id, self.client = api_id, stage, connection_id, client
        self.connected_at = self.last_active_at = time.time()
        self.gone = False
        self._ws = Connection(ConnectionType.SERVER)
        self._frame_bytes = self._message_bytes = 0
        self._parts: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def open(
        self,
        writer: asyncio.StreamWriter,
        timers: Timers,
        on_message: Callable[[Socket, str], Awaitable[None]],
        on_gone: Callable[[Socket, int], None],
    ) -> None:
        """Begins the connection's life: from here on it can be pushed to and closed."""
        self._writer, self._on_message, self._on_gone = writer, on_message, on_gone
        self._loop = asyncio.get_running_loop()
        self.finished = asyncio.Event()
        self._idle = timers.idle
        self._last_message = self._loop.time()
        self._slots = asyncio.Semaphore(unknowns.MESSAGES_IN_FLIGHT)
        self._idle_timer = self._loop.call_later(timers.idle, self._check_idle)
        self._age_timer = self._loop.call_later(timers.age, self.close, CLOSE_GOING_AWAY, "Going away")

    async def run(self, reader: asyncio.StreamReader, data: bytes) -> None:
        """Reads until the connection ends. ``data`` came together with the handshake."""
        try:
            while await self._receive(data):
                data = await reader.read(_READ_BYTES)
                if not data:
                    break
        except OSError:
            pass  # the client was killed: that is a close without a frame
        finally:
            self._end(CLOSE_ABNORMAL)
            self._writer.close()
            self.finished.set()

    # -- what others do to it -------------------------------------------------------------------------------

    def push(self, text: str) -> None:
        """Sends a text frame. Raises Gone, or LimitExceeded while the client does not read what it has."""
        if self.gone:
            raise Gone("Gone")
        if self._writer.transport.get_write_buffer_size() > unknowns.SEND_BUFFER_BYTES:
            raise LimitExceeded("The client's send buffer is full")
        self._send(TextMessage(data=text))
        self._touch(unknowns.PUSH_RESETS_IDLE)

    def close(self, code: int, reason: str = "") -> None:
        """Closes from our side. The client has a moment to answer; what it sends meanwhile is ignored."""
        if self.gone:
            return
        self._send(CloseConnection(code=code, reason=reason))
        self._loop.call_later(unknowns.CLOSE_GRACE, self._writer.transport.abort)
        self._end(code)

    # -- what the client does -------------------------------------------------------------------------------

    async def _receive(self, data: bytes) -> bool:
        """Handles what has arrived; False when nothing more is to be read."""
        self._ws.receive_data(data)
        for event in self._ws.events():
            if isinstance(event, CloseConnection):
                self._closed_by_client(event)
                return False
            if not self.gone:
                await self._on_event(event)
        return True

    async def _on_event(self, event: Event) -> None:
        if isinstance(event, TextMessage):
            await self._on_text(event)
        elif isinstance(event, BytesMessage):
            self.close(CLOSE_UNSUPPORTED_DATA, "Binary frames are not supported")
        elif isinstance(event, Ping):
            self._send(event.response())
            if unknowns.PING_RESETS_IDLE:
                self._touch(True)
            await self._writer.drain()  # who does not read the pongs is not read either

    async def _on_text(self, event: TextMessage) -> None:
        size = len(event.data.encode())
        self._frame_bytes += size
        self._message_bytes += size
        if self._frame_bytes > MAX_FRAME_BYTES or self._message_bytes > MAX_MESSAGE_BYTES:
            self.close(CLOSE_TOO_BIG, "Message too long")
            return
        self._parts.append(event.data)
        if event.frame_finished:
            self._frame_bytes = 0
        if event.message_finished:
            text, self._parts, self._message_bytes = "".join(self._parts), [], 0
            self._touch(True)
            await self._slots.acquire()
            self._start(text)

    def _start(self, text: str) -> None:
        async def handle() -> None:
            try:
                await self._on_message(self, text)
            finally:
                self._slots.release()

        task = self._loop.create_task(handle())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _closed_by_client(self, event: CloseConnection) -> None:
        if not self.gone:
            # Also what wsproto reports for a client that broke the protocol, with the code to say so.
            self._send(event.response())
        self._end(int(event.code))

    # -- the end --------------------------------------------------------------------------------------------

    def _end(self, code: int) -> None:
        if not self.gone:
            self.gone = True
            self._idle_timer.cancel()
            self._age_timer.cancel()
            self._on_gone(self, code)

    def _send(self, event: Event) -> None:
        self._writer.write(self._ws.send(event))

    def _touch(self, resets_idle: bool) -> None:
        self.last_active_at = time.time()
        if resets_idle:
            self._last_message = self._loop.time()

    def _check_idle(self) -> None:
        left = self._last_message + self._idle - self._loop.time()
        if left <= 0:
            self.close(CLOSE_GOING_AWAY, "Going away")
        else:
            self._idle_timer = self._loop.call_later(left, self._check_idle)
