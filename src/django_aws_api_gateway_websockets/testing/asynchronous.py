"""The client for ``async def`` tests. It has the same names, and you await its methods."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async

from ..models import ApiGateway
from .client import GatewayClient
from .sockets import GatewaySocket

#: These methods do no I/O, so they are not awaited.
_PLAIN = ("receive", "receive_json", "receive_all", "receive_nothing")


class AsyncGatewaySocket:
    """A :class:`GatewaySocket` whose methods are awaited, except those that only read messages that have arrived."""

    def __init__(self, socket: GatewaySocket) -> None:
        self.sync = socket

    def __getattr__(self, name: str) -> Any:
        return _awaitable(self.sync, name)

    async def asession(self) -> Any:
        """The row of this connection, read again from the database."""
        return await sync_to_async(lambda: self.sync.session)()


class AsyncGatewayClient:
    """A :class:`GatewayClient` whose methods are awaited."""

    def __init__(self, gateway: ApiGateway | None = None, **defaults: Any) -> None:
        self.sync = GatewayClient(gateway, **defaults)

    async def connect(self, path: str, channel: str | None = None, **options: Any) -> AsyncGatewaySocket:
        return AsyncGatewaySocket(await sync_to_async(self.sync.connect)(path, channel, **options))

    def __getattr__(self, name: str) -> Any:
        return _awaitable(self.sync, name)


def _awaitable(owner: Any, name: str) -> Any:
    value = getattr(owner, name)
    return sync_to_async(value) if callable(value) and name not in _PLAIN else value
