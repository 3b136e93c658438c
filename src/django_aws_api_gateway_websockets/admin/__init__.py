from __future__ import annotations

from .channel_rules import ChannelRuleAdmin
from .gateways import AdditionalRouteAdmin, ApiGatewayAdmin
from .histories import ChannelHistoryAdmin, HistoryMessageAdmin
from .sessions import WebSocketSessionAdmin

__all__ = [
    "AdditionalRouteAdmin",
    "ApiGatewayAdmin",
    "ChannelHistoryAdmin",
    "ChannelRuleAdmin",
    "HistoryMessageAdmin",
    "WebSocketSessionAdmin",
]
