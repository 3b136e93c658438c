"""What the site's URLs lead to: the view that gets a gateway's events, and the view that issues connect tokens."""

from __future__ import annotations

from ..models import ManagedChannels
from ..security.channel_rules import Channel
from .handlers import handler
from .tokens import WebSocketTokenView
from .view import WebSocketView, handler_names

__all__ = ["Channel", "ManagedChannels", "WebSocketTokenView", "WebSocketView", "handler", "handler_names"]
