"""The tasks of this package, for the engine that ``BACKGROUND`` names. A Celery worker finds them here."""

from __future__ import annotations

from .conf import conf

if conf.BACKGROUND == "celery":
    from .background.celery_engine import TASKS

    clear_sessions = TASKS["clear_sessions"]
elif conf.BACKGROUND == "tasks":
    from .background.django_tasks import clear_sessions

    __all__ = ["clear_sessions"]
