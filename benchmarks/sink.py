"""The server that stands for AWS in the benchmarks. It answers 200 to everything, at once or after a delay.

``python -m benchmarks.sink --latency 10 [--tls CERT]`` prints its port, and runs until it is terminated.
Pinned to the last core, so that it does not take time from the client on the first.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import ssl

_ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}"


class Sink(asyncio.Protocol):
    """Counts heads and skips bodies. It supports only as much HTTP as the benchmark's client uses."""

    latency = 0.0
    answer = b""

    def __init__(self) -> None:
        self._buffer = b""
        self._skip = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._later = asyncio.get_running_loop().call_later

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            if self.latency:
                self._later(self.latency, self._transport.write, self.answer)
            else:
                self._transport.write(self.answer)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds before an answer")
    parser.add_argument("--tls", help="a PEM file with certificate and key")
    parser.add_argument("--body", default="", help="the text of each answer")
    options = parser.parse_args()
    Sink.answer = _ANSWER.format(len(options.body), options.body).encode()
    Sink.latency = options.latency / 1000
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.tls)
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0, ssl=context, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
