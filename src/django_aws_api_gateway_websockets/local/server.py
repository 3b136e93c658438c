"""The running gateway: its event loop, its listening socket, and how it stops.

>>> with LocalGateway(port=0) as gateway:                           # doctest: +SKIP
...     client = boto3.client("apigatewayv2", endpoint_url=gateway.url)
"""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path
from types import TracebackType

from ..protocol import IDLE_TIMEOUT, INTEGRATION_TIMEOUT, MAX_CONNECTION_AGE
from .front import FrontDoor
from .gateway import Gateway
from .integrations import Integrations
from .sockets import Timers
from .state import Store

logger = logging.getLogger("django_aws_api_gateway_websockets.local")

#: Seconds that stopping waits for close frames to be answered and for ``$disconnect`` calls.
STOP_GRACE = 2.0


class GatewayServer:
    """The gateway in a running event loop: ``await start()``, ``await stop()``."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 8001,
        state: Path | None = None,
        idle_timeout: float = IDLE_TIMEOUT,
        max_connection_age: float = MAX_CONNECTION_AGE,
        integration_timeout: float = INTEGRATION_TIMEOUT,
    ) -> None:
        self.host, self.port = host, port
        self._store = Store(state)
        self._timers = Timers(idle_timeout, max_connection_age)
        self._integrations = Integrations(integration_timeout)
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """``HOST:PORT`` under which this machine reaches the gateway."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    async def start(self) -> None:
        """Listens. Raises OSError where the port is taken; ``port`` is then the real one."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port, start_serving=False)
        self.port = self._server.sockets[0].getsockname()[1]
        await self._integrations.start()
        self._gateway = Gateway(self._store, self.address, self._timers, self._integrations)
        await self._server.start_serving()

    async def stop(self) -> None:
        """Refuses handshakes, closes every connection with 1001, tells the backends, and ends."""
        self._server.close()
        await self._gateway.stop(STOP_GRACE)
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._integrations.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  we are inside one
        self._clients.add(task)
        try:
            await FrontDoor(self._gateway, reader, writer).run()
        except asyncio.CancelledError:
            writer.transport.abort()  # close() would wait for a client that does not read
        except Exception:
            logger.exception("A connection failed")
        finally:
            self._clients.discard(task)


class LocalGateway:
    """The gateway in a thread of its own, for tests: a context manager with ``url`` and ``port``.

    Takes what :class:`GatewayServer` takes; the port is a free one unless given.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        state: Path | None = None,
        idle_timeout: float = IDLE_TIMEOUT,
        max_connection_age: float = MAX_CONNECTION_AGE,
        integration_timeout: float = INTEGRATION_TIMEOUT,
    ) -> None:
        self._server = GatewayServer(host, port, state, idle_timeout, max_connection_age, integration_timeout)
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="local-gateway", daemon=True)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        """``http://HOST:PORT``: the ``endpoint_url`` of ``apigatewayv2``."""
        return f"http://{self._server.address}"

    def start(self) -> LocalGateway:
        """Returns when it listens. Raises what starting raised, such as OSError."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._server.start()
        except BaseException as error:  # handed to start(), in the caller's thread
            self._error = error
            return
        finally:
            self._ready.set()
        await self._stopping.wait()
        await self._server.stop()

    def __enter__(self) -> LocalGateway:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
