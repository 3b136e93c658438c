from __future__ import annotations

from . import installed  # noqa: F401  It comes first: without the app, no model can be defined.
from .additional_routes import ApiGatewayAdditionalRoute
from .channel_rules import ChannelRule, ManagedChannels
from .gateways import ApiGateway
from .history import ChannelHistory, HistoryMessage, WaitingMessage
from .memberships import ChannelMembership
from .rows import ClosedReason
from .sessions import WebSocketSession, WebSocketSessionQuerySet

__all__ = [
    "ApiGateway",
    "ApiGatewayAdditionalRoute",
    "ChannelHistory",
    "ChannelMembership",
    "ChannelRule",
    "ClosedReason",
    "HistoryMessage",
    "ManagedChannels",
    "WaitingMessage",
    "WebSocketSession",
    "WebSocketSessionQuerySet",
]
