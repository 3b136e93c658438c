from __future__ import annotations

from .additional_routes import ApiGatewayAdditionalRoute
from .channel_rules import ChannelRule, ManagedChannels
from .gateways import ApiGateway
from .rows import ClosedReason
from .sessions import WebSocketSession, WebSocketSessionQuerySet

__all__ = [
    "ApiGateway",
    "ApiGatewayAdditionalRoute",
    "ChannelRule",
    "ClosedReason",
    "ManagedChannels",
    "WebSocketSession",
    "WebSocketSessionQuerySet",
]
