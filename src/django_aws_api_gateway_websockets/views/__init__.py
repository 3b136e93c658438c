"""The views of this package: ``WebSocketView`` for events, and three views for pages: connect tokens, refused
handshakes, and the history of a channel."""

from __future__ import annotations

from ..models import ManagedChannels
from ..security.bodies import parse_json
from ..security.channel_rules import Channel
from .check import WebSocketCheckView
from .handlers import handler
from .history import WebSocketHistoryView
from .tokens import WebSocketTokenView
from .view import WebSocketView, handler_names

__all__ = [
    "Channel",
    "ManagedChannels",
    "WebSocketCheckView",
    "WebSocketHistoryView",
    "WebSocketTokenView",
    "WebSocketView",
    "handler",
    "handler_names",
    "parse_json",
]
