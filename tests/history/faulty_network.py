"""A proxy in front of the local gateway. It drops pushes at random, and cuts the connections of pages."""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections import Counter

#: The answers to a dropped push. AWS can report a push as delivered although it never arrives.
ANSWERS = {200: b"HTTP/1.1 200 OK", 500: b"HTTP/1.1 500 Internal Server Error"}


class FaultyNetwork:
    """A context manager with its own thread. ``rate`` is the share of pushes that it drops."""

    def __init__(self, port: int, target: int, rate: float, seed: int = 1) -> None:
        self.port, self._target, self.rate = port, target, rate
        self.chance = random.Random(seed)
        self.counts: Counter = Counter()
        self._tunnels: list = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> FaultyNetwork:
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        return self

    def __exit__(self, *error: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut(self) -> None:
        """Cut the connection of a page."""
        self._loop.call_soon_threadsafe(self._cut_one)

    def _cut_one(self) -> None:
        if self._tunnels:
            self.chance.choice(self._tunnels).transport.abort()
            self.counts["cuts"] += 1

    async def _stop(self) -> None:
        self._server.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _serve(self, reader, writer) -> None:
        gateway_reader, gateway = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            while True:
                head, body = await message(reader)
                if b"upgrade: websocket" in head.lower():
                    gateway.write(head)
                    await self._tunnel(reader, writer, gateway_reader, gateway)
                    return
                if b"connections/" in head.split(b"\r\n")[0] and self.chance.random() < self.rate:
                    self.counts["drops"] += 1
                    status = ANSWERS[500 if self.chance.random() < 0.2 else 200]
                    writer.write(status + b"\r\nContent-Length: 0\r\n\r\n")
                    continue
                self.counts["requests"] += 1
                gateway.write(head + body)
                writer.write(b"".join(await message(gateway_reader)))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # One side has closed, or the test is over.
        finally:
            writer.close()
            gateway.close()

    async def _tunnel(self, reader, writer, gateway_reader, gateway) -> None:
        self._tunnels.append(writer)
        tasks = [asyncio.ensure_future(one) for one in (copy(reader, gateway), copy(gateway_reader, writer))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._tunnels.remove(writer)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def message(reader) -> tuple[bytes, bytes]:
    """Read the head and the body of an HTTP request or response."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return head, await reader.readexactly(int(length[1])) if length else b""


async def copy(reader, writer) -> None:
    while True:
        data = await reader.read(65536)
        if not data:
            return
        writer.write(data)
        await writer.drain()
