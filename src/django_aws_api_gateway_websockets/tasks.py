"""What a Celery worker imports to find tasks. Empty if the site has chosen another task engine."""

from __future__ import annotations

from .conf import conf

if conf.BACKGROUND == "celery":
    from .background.celery_engine import TASKS

    __all__ = ["TASKS"]
