"""Which task engine runs enqueue_message."""

from __future__ import annotations

WEBSOCKETS = {"BACKGROUND": "celery"}  # or "tasks"
