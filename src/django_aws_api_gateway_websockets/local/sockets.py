"""One WebSocket from its 101 response to its end: frames, limits, timers and closing.

wsproto reads the frames. It reports each piece of a frame as it arrives, so the gateway refuses a frame that is too
large before all of it has arrived.
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
from .error_answers import Gone, LimitExceeded

_READ_BYTES = 64 * 1024


class Timers(NamedTuple):
    """The seconds after which a connection is closed: without a message, and in any case.

    ``ping_resets`` and ``push_resets``: whether they count as messages.
    """

    idle: float
    age: float
    ping_resets: bool = False
    push_resets: bool = False


class Client(NamedTuple):
    """The client's address and User-Agent. ``domain_name`` comes from its ``Host`` header."""

    source_ip: str
    user_agent: str | None
    domain_name: str


class Socket:
    """A connection. ``on_message(socket, text)`` runs for each message, several at a time.

    ``on_end(socket, code)`` runs once, as soon as either side has closed the connection.
    """

    def __init__(self, api_id: str, stage: str, connection_id: str, client: Client) -> None:
        self.api_id, self.stage, self.connection_id, self.client = api_id, stage, connection_id, client
        self.user = ""
        self.connected_at = self.last_active_at = time.time()
        self.ended = self.no_disconnect = False
        self.end_reason = "the client died without a close frame"
        self._ws = Connection(ConnectionType.SERVER)
        self._frame_bytes = self._message_bytes = 0
        self._parts: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def open(
        self,
        writer: asyncio.StreamWriter,
        timers: Timers,
        on_message: Callable[[Socket, str], Awaitable[None]],
        on_end: Callable[[Socket, int], None],
    ) -> None:
        """Start the life of the connection. From now on, you can push to it and close it."""
        self._writer, self._on_message, self._on_end = writer, on_message, on_end
        self._loop = asyncio.get_running_loop()
        self.finished = asyncio.Event()
        self._idle, self._timers = timers.idle, timers
        self._last_message = self._loop.time()
        self._slots = asyncio.Semaphore(unknowns.MESSAGES_IN_FLIGHT)
        self._idle_timer = self._loop.call_later(timers.idle, self._check_idle)
        self._age_timer = self._loop.call_later(timers.age, self.close_for_age)

    async def run(self, reader: asyncio.StreamReader, data: bytes) -> None:
        """Read until the connection ends. ``data`` arrived together with the handshake."""
        try:
            while await self._receive(data):
                data = await reader.read(_READ_BYTES)
                if not data:
                    break
        except OSError:
            pass  # The client was killed, so no close frame arrives.
        finally:
            self._end(CLOSE_ABNORMAL)
            self._writer.close()
            self.finished.set()

    # -- what the gateway does -------------------------------------------------------------------------------

    def push(self, text: str) -> None:
        """Send a text frame. Raise Gone after the end, and LimitExceeded if the client does not read."""
        if self.ended:
            raise Gone("Gone")
        if self._writer.transport.get_write_buffer_size() > unknowns.SEND_BUFFER_BYTES:
            raise LimitExceeded("The client's send buffer is full")
        self._send(TextMessage(data=text))
        self.last_active_at = time.time()
        if self._timers.push_resets:
            self._touch()

    def close(self, code: int, reason: str = "", why: str = "") -> None:
        """Close the connection from the gateway's side. The client has a moment to answer. Its messages are ignored
        meanwhile.

        The client gets ``reason``. ``why`` is for the inspector.
        """
        if self.ended:
            return
        self.end_reason = why or f"closed by the gateway: {reason}"
        self._send(CloseConnection(code=code, reason=reason))
        self._loop.call_later(unknowns.CLOSE_GRACE, self._writer.transport.abort)
        self._end(code)

    def close_for_age(self) -> None:
        """Close the connection, as AWS does after two hours."""
        self.close(CLOSE_GOING_AWAY, "Going away", "closed by the gateway: the connection is too old")

    def close_for_idleness(self) -> None:
        """Close the connection, as AWS does after ten minutes without a message."""
        self.close(CLOSE_GOING_AWAY, "Going away", "closed by the gateway: no message for too long")

    def cut(self) -> None:
        """End without a close frame, like an unnoticed network failure. ``$disconnect`` is not sent."""
        if not self.ended:
            self.no_disconnect, self.end_reason = True, "cut by the inspector"
            self._end(CLOSE_ABNORMAL)
            self._writer.transport.abort()

    # -- what the client does -------------------------------------------------------------------------------

    async def _receive(self, data: bytes) -> bool:
        """Handle the data that has arrived. Return False if there is nothing more to read."""
        self._ws.receive_data(data)
        for event in self._ws.events():
            if isinstance(event, CloseConnection):
                self._closed_by_client(event)
                return False
            if not self.ended:
                await self._on_event(event)
        return True

    async def _on_event(self, event: Event) -> None:
        if isinstance(event, TextMessage):
            await self._on_text(event)
        elif isinstance(event, BytesMessage):
            self.close(CLOSE_UNSUPPORTED_DATA, "Binary frames are not supported")
        elif isinstance(event, Ping):
            self._send(event.response())
            if self._timers.ping_resets:
                self._touch()
            await self._writer.drain()  # Stop reading from a client that does not read the pongs.

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
            self._touch()
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
        if not self.ended:
            # wsproto reports a client that broke the protocol here too, with the matching close code.
            self._send(event.response())
            self.end_reason = "closed by the client"
        self._end(int(event.code))

    # -- the end --------------------------------------------------------------------------------------------

    def _end(self, code: int) -> None:
        if not self.ended:
            self.ended = True
            self._idle_timer.cancel()
            self._age_timer.cancel()
            self._on_end(self, code)

    def _send(self, event: Event) -> None:
        self._writer.write(self._ws.send(event))

    def _touch(self) -> None:
        self.last_active_at = time.time()
        self._last_message = self._loop.time()

    def _check_idle(self) -> None:
        left = self._last_message + self._idle - self._loop.time()
        if left <= 0:
            self.close_for_idleness()
        else:
            self._idle_timer = self._loop.call_later(left, self._check_idle)
