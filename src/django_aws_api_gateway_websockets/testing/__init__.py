"""For the tests of a site: the gateway in process, without a network and without AWS; and a real one on a free port."""

from __future__ import annotations

from .asynchronous import AsyncGatewayClient, AsyncGatewaySocket
from .client import GatewayClient, GatewaySocket, HandshakeRefused
from .live import LiveGateway

__all__ = [
    "AsyncGatewayClient",
    "AsyncGatewaySocket",
    "GatewayClient",
    "GatewaySocket",
    "HandshakeRefused",
    "LiveGateway",
]
