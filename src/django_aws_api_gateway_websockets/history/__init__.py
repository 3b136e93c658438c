"""Channels with a history: publish messages that are kept, and read the position of a channel."""

from __future__ import annotations

from .positions import position
from .publishing import Published, apublish, publish

__all__ = ["Published", "apublish", "position", "publish"]
