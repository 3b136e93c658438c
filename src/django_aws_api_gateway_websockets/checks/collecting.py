"""Helpers that all modules of checks share."""

from __future__ import annotations

from typing import Any, Callable, Iterator

from django.conf import settings
from django.core.checks import CheckMessage

from ..conf import SETTING

Checks = Iterator[CheckMessage]


def collected(check: Callable[[], Checks]) -> Callable[..., list[CheckMessage]]:
    """Return ``check`` as a function that Django can call.

    It reports nothing if the setting is not a dict (E001).
    """

    def run(**kwargs: Any) -> list[CheckMessage]:
        return list(check()) if isinstance(getattr(settings, SETTING, {}), dict) else []

    run.__doc__ = check.__doc__
    return run
