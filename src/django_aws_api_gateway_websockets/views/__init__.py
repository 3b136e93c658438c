"""The views of this package: ``WebSocketView`` for events, ``WebSocketTokenView`` for connect tokens."""

from __future__ import annotations

from ..models import ManagedChannels
from ..security.bodies import parse_json
from ..security.channel_rules import Channel
from .handlers import handler
from .tokens import WebSocketTokenView
from .view import WebSocketView, handler_names

__all__ = [
    "Channel",
    "ManagedChannels",
    "WebSocketTokenView",
    "WebSocketView",
    "handler",
    "handler_names",
    "parse_json",
]
