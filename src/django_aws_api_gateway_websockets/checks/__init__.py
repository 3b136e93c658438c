"""System checks: ``manage.py check`` reports each wrong setting with an id and a hint. docs/checks.md lists them."""

from __future__ import annotations

from . import deployment, gateways, history, sending, settings, unread_options, urls

__all__ = ["deployment", "gateways", "history", "sending", "settings", "unread_options", "urls"]
