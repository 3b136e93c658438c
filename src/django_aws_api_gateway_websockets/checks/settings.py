"""System checks: a wrong setting fails ``manage.py check`` with an id and a hint."""

from __future__ import annotations

import difflib
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning

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


@register("websockets")
def check_setting_name(**kwargs: Any) -> list[CheckMessage]:
    """W005: a setting looks like a misspelled ``WEBSOCKETS``."""
    return [
        CheckWarning(
            f"The setting {name} is not used. The options of this package are in {SETTING}.",
            hint=f"Rename {name} to {SETTING}. If the setting belongs to something else, silence this check.",
            id="websockets.W005",
        )
        for name in sorted(name for name in dir(settings) if name.isupper())
        if _looks_like_ours(name)
    ]


def _looks_like_ours(name: str) -> bool:
    # Only a dict can be meant as ours: WEBSOCKET_URL is probably the site's own.
    if name == SETTING or not isinstance(getattr(settings, name), dict):
        return False
    words = name.replace("_", "")
    return words.startswith("WEBSOCKET") or bool(difflib.get_close_matches(words, [SETTING], cutoff=0.85))


def _unknown_key(key: object) -> CheckMessage:
    close = difflib.get_close_matches(str(key).upper(), Conf.keys(), n=1)
    return Error(
        f"The setting {SETTING} has the unknown key {key!r}.",
        hint=f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(sorted(Conf.keys()))}.",
        id="websockets.E002",
    )
