"""The views of this package: ``WebSocketView`` for events, and two for pages: connect tokens, and refusals."""

from __future__ import annotations

from ..models import ManagedChannels
from ..security.bodies import parse_json
from ..security.channel_rules import Channel
from .check import WebSocketCheckView
from .handlers import handler
from .tokens import WebSocketTokenView
from .view import WebSocketView, handler_names

__all__ = [
    "Channel",
    "ManagedChannels",
    "WebSocketCheckView",
    "WebSocketTokenView",
    "WebSocketView",
    "handler",
    "handler_names",
    "parse_json",
]
