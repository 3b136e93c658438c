"""System checks: a wrong setting fails ``manage.py check`` with an id and a hint. Their table is docs/checks.md."""

from __future__ import annotations

from . import sending, settings, site, unread_options

__all__ = ["sending", "settings", "site", "unread_options"]
