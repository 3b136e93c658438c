"""The running gateway: its event loop, its listening socket, and how it stops."""

from __future__ import annotations

import asyncio
import logging
import threading
from types import TracebackType
from typing import Any

from .addressing import Addressing
from .data_plane import DataPlane
from .hosts import AllowedHosts
from .http_connection import HttpConnection
from .http_messages import Request, Response
from .inspector.inspector import Inspector
from .inspector.site import PREFIX, InspectorSite
from .integrations import Integrations
from .observer import Observer
from .options import Options
from .plain_http import PlainHttp
from .sockets import Timers
from .store import Store

logger = logging.getLogger("django_aws_api_gateway_websockets.local")

#: How many seconds stopping waits for close frames to be answered and for ``$disconnect`` calls.
STOP_GRACE = 2.0


class GatewayServer:
    """The gateway in a running event loop: ``await start()``, ``await stop()``."""

    def __init__(self, options: Options) -> None:
        if options.needs_public_url:
            raise ValueError(f"The host {options.host!r} means every interface. Pass public_url='http://HOST:PORT'.")
        self.options = options
        self._store = Store(options.state)
        self._inspector = Inspector(self._store, options.chaos) if options.observed else None
        self._observer = self._inspector or Observer()
        self._site = InspectorSite(self._inspector) if self._inspector and options.inspector else None
        self._integrations = Integrations(options.integration_timeout, self._observer)
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def inspector_url(self) -> str | None:
        """The URL of the inspector's page with its token, or None if the inspector is off."""
        return None if self._site is None else f"http://{self.options.address}{PREFIX}?token={self._site.token}"

    async def start(self) -> None:
        """Start to listen. Raise OSError if the port is in use. Afterwards, ``options.port`` is the real port."""
        host, port = self.options.host, self.options.port
        self._server = await asyncio.start_server(self._serve, host, port, start_serving=False)
        self.options = self.options._replace(port=self._server.sockets[0].getsockname()[1])
        await self._integrations.start()
        self._assemble(self.options)
        await self._server.start_serving()

    def _assemble(self, options: Options) -> None:
        public = options.public
        hosts = AllowedHosts([options.address, public.netloc, *options.allowed_hosts])
        addressing = Addressing(self._store, hosts)
        answers = options.answers
        resets = answers["ping_resets"] == "yes", answers["push_resets"] == "yes"
        timers = Timers(options.idle_timeout, options.max_connection_age, *resets)
        self._data_plane = DataPlane(
            self._store, addressing, public, timers, self._integrations, self._observer, answers
        )
        self._plain_http = PlainHttp(self._store, hosts, addressing, public, self._data_plane, answers)
        if self._inspector is not None:
            self._inspector.bind(self._data_plane, self._integrations, f"http://{options.address}")
            if options.events is not None:
                self._inspector.write_to(options.events)

    async def stop(self) -> None:
        """Refuse handshakes, close every connection with 1001, send ``$disconnect`` to the backends, and end."""
        self._server.close()
        await self._data_plane.stop(STOP_GRACE)
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._integrations.stop()
        if self._inspector is not None:
            await self._inspector.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  this coroutine runs in one
        self._clients.add(task)
        try:
            await HttpConnection(self._answer, self._data_plane, reader, writer).run()
        except asyncio.CancelledError:
            writer.transport.abort()  # close() would wait for a client that does not read.
        except Exception:
            logger.exception("A connection failed")
        finally:
            self._clients.discard(task)

    async def _answer(self, request: Request) -> Response:
        """Answer a request that is not a WebSocket handshake."""
        if self._site is not None and request.path.startswith(PREFIX):
            return await self._site.answer(request)
        return await self._plain_http.answer(request)


class LocalGateway:
    """The gateway in its own thread, for tests: a context manager with ``url`` and ``port``.

    ``options`` are the fields of :class:`~django_aws_api_gateway_websockets.local.options.Options`. The gateway uses a
    free port unless you pass one.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, **options: Any) -> None:
        self._server = GatewayServer(Options(host, port, **options))
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="local-gateway", daemon=True)

    @property
    def port(self) -> int:
        return self._server.options.port

    @property
    def url(self) -> str:
        """``http://HOST:PORT``: the ``endpoint_url`` of ``apigatewayv2``."""
        return f"http://{self._server.options.address}"

    @property
    def inspector_url(self) -> str | None:
        """The URL of the inspector's page, with its token. Pass ``inspector=True`` to enable it."""
        return self._server.inspector_url

    def start(self) -> LocalGateway:
        """Return when the gateway listens. Raise the error with which starting failed, such as OSError."""
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
        except BaseException as error:  # start() raises it in the caller's thread.
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
