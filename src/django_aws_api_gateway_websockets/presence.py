"""Who is online, and who is in a channel."""

from __future__ import annotations

from .models.presence import Presence, is_online, online, presence

__all__ = ["Presence", "is_online", "online", "presence"]
