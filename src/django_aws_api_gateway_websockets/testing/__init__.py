"""For the tests of a site: the gateway in process, without a network and without AWS."""

from __future__ import annotations

from .client import GatewayClient, GatewaySocket, HandshakeRefused

__all__ = ["GatewayClient", "GatewaySocket", "HandshakeRefused"]
