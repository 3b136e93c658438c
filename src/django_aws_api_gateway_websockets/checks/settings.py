"""System checks: a wrong setting fails ``manage.py check`` with an id and a hint."""

from __future__ import annotations

import difflib
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from ..conf import SETTING, Conf


@register("websockets")
def check_setting_keys(**kwargs: Any) -> list[CheckMessage]:
    """E001, E002: ``WEBSOCKETS`` is a dict and has no unknown key."""
    options = getattr(settings, SETTING, {})
    if not isinstance(options, dict):
        return [
            Error(
                f"The setting {SETTING} is a {type(options).__name__}, not a dict.",
                hint=f'Write {SETTING} = {{"REQUIRE_SECRET": True}}.',
                id="websockets.E001",
            )
        ]
    return [_unknown_key(key) for key in sorted(set(options) - set(Conf.keys()), key=str)]


def _unknown_key(key: object) -> CheckMessage:
    close = difflib.get_close_matches(str(key).upper(), Conf.keys(), n=1)
    return Error(
        f"The setting {SETTING} has the unknown key {key!r}.",
        hint=f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(sorted(Conf.keys()))}.",
        id="websockets.E002",
    )
