"""The module that Celery workers import to find tasks. It is empty if the site uses another task engine."""

from __future__ import annotations

from .conf import conf

if conf.BACKGROUND == "celery":
    from .background.celery_engine import TASKS

    __all__ = ["TASKS"]
