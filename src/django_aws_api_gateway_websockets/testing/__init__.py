"""Tools for the tests of a site: a gateway in process, without network and AWS, and a local gateway on a free port."""

from __future__ import annotations

from .asynchronous import AsyncGatewayClient, AsyncGatewaySocket
from .client import GatewayClient
from .live import LiveGateway
from .sockets import GatewaySocket, HandshakeRefused

__all__ = [
    "AsyncGatewayClient",
    "AsyncGatewaySocket",
    "GatewayClient",
    "GatewaySocket",
    "HandshakeRefused",
    "LiveGateway",
]
