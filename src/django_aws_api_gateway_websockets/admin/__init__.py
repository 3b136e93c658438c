from __future__ import annotations

from .channel_rules import ChannelRuleAdmin
from .gateways import AdditionalRouteAdmin, ApiGatewayAdmin
from .sessions import WebSocketSessionAdmin

__all__ = ["AdditionalRouteAdmin", "ApiGatewayAdmin", "ChannelRuleAdmin", "WebSocketSessionAdmin"]
