"""System checks of the options in ``WEBSOCKETS`` and of their values. docs/checks.md lists them."""

from __future__ import annotations

import difflib
from typing import Any, Iterator

from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured

from ..conf import SETTING, Conf, conf
from ..models.pushing import VIEWS_OF_USER
from ..provisioning.endpoints import local_gateway
from ..security.channel_rules import check_pattern
from ..security.limits import parse_rate
from ..security.origins import ANY, parse_allowed
from ..views import WebSocketView
from ..views.mounted import mounted_views
from .collecting import Checks, collected

__all__ = ["RATES", "listed_origins"]

RATES = ("CONNECTS_PER_IP", "CONNECTS_PER_USER", "MESSAGES_PER_CONNECTION")
_POSITIVE = ("CONNECT_TOKEN_MAX_AGE", "MAX_JSON_DEPTH", "CLIENT_MAX_AGE")
_DURATIONS = {
    "ACTIVITY_INTERVAL": "each message writes to the database",
    "PRESENCE_GRACE": "each reload is announced",
}
_NAMES = {
    "ALLOWED_TARGET_HOSTS": "www.example.com",
    "ALLOWED_DOMAINS": "ws.example.com",
    "ALLOWED_HOSTED_ZONES": "Z0123456789ABC",
}
_LISTS = (list, tuple, set, frozenset)


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
    words = name.replace("_", "")
    similar = words.startswith("WEBSOCKET") or difflib.get_close_matches(words, [SETTING], cutoff=0.85)
    # Report only dicts, because a WEBSOCKET_URL is probably the site's own. Read the value last, because Django warns
    # about deprecated settings when they are read.
    return name != SETTING and bool(similar) and isinstance(getattr(settings, name), dict)


def _unknown_key(key: object) -> CheckMessage:
    close = difflib.get_close_matches(str(key).upper(), Conf.keys(), n=1)
    return Error(
        f"The setting {SETTING} has the unknown key {key!r}.",
        hint=f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(sorted(Conf.keys()))}.",
        id="websockets.E002",
    )


@register("websockets")
@collected
def check_values() -> Checks:
    """E003, E004, E005, E009: values of ``WEBSOCKETS`` are valid."""
    yield from _check_numbers()
    yield from _check_lists()
    yield from _check_local_gateway()
    try:
        VIEWS_OF_USER.find(conf.PRESENCE_USER)
    except ImproperlyConfigured as error:
        hint = "Correct the path, or remove PRESENCE_USER to show the id and the username (docs: Who is online)."
        yield Error(str(error), hint=hint, id="websockets.E009")
    try:
        caches[str(conf.CACHE)]
    except InvalidCacheBackendError:
        yield Error(
            f"{SETTING}['CACHE'] names {conf.CACHE!r}, which is not in CACHES.",
            hint="Write one of the aliases in CACHES; 'default' is the default.",
            id="websockets.E005",
        )


def _check_numbers() -> Checks:
    for key in RATES:
        rate = getattr(conf, key)
        try:
            parse_rate(rate) if rate is not None else None
        except (ValueError, TypeError):
            yield Error(
                f"{SETTING}[{key!r}] is {rate!r}, which is not a rate.",
                hint="Write LIMIT/SECONDSs, such as '100/10s', or None for no limit.",
                id="websockets.E003",
            )
    for key in _POSITIVE:
        number = getattr(conf, key)
        if not isinstance(number, int) or number < 1:
            yield Error(
                f"{SETTING}[{key!r}] is {number!r}.", hint="Write a positive whole number.", id="websockets.E003"
            )
    for key, zero in _DURATIONS.items():
        seconds = getattr(conf, key)
        if not isinstance(seconds, (int, float)) or seconds < 0:
            yield Error(
                f"{SETTING}[{key!r}] is {seconds!r}.",
                hint=f"Write a number of seconds. With 0, {zero}.",
                id="websockets.E003",
            )


def _check_local_gateway() -> Checks:
    try:
        local_gateway()
    except ImproperlyConfigured as error:
        problem, _, hint = str(error).partition(". Write ")
        yield Error(f"{problem}.", hint=f"Write {hint}", id="websockets.E003")


def _check_lists() -> Checks:
    for key, example in _NAMES.items():
        names = getattr(conf, key)
        if not (names is None or isinstance(names, _LISTS)):
            yield Error(
                f"{SETTING}[{key!r}] is {names!r}, not a list.",
                hint=f"Write a list, such as [{example!r}], or None for the default.",
                id="websockets.E003",
            )
    yield from _check_patterns()
    for where, origins in origin_lists():
        if not isinstance(origins, _LISTS):
            yield Error(
                f"{where} is {origins!r}, not a list.",
                hint="Write a list of origins, such as ['https://example.com'].",
                id="websockets.E004",
            )
    for where, origin in listed_origins():
        if origin != ANY and parse_allowed(str(origin)) is None:
            yield Error(
                f"{where} has {origin!r}, which is not an origin.",
                hint="Write scheme and host only, such as 'https://example.com', 'https://*.example.com' or 'ionic://localhost'.",
                id="websockets.E004",
            )


def _check_patterns() -> Checks:
    patterns = conf.PRESENCE_CHANNELS
    try:
        problem = "" if isinstance(patterns, _LISTS) else "not a list"
        for pattern in () if problem else patterns:
            check_pattern(pattern)
            if "{user_pk}" in pattern:
                problem = "{user_pk} works in channel rules only"
    except (ValueError, TypeError, AttributeError) as error:
        problem = str(error)
    if problem:
        yield Error(
            f"{SETTING}['PRESENCE_CHANNELS'] is {patterns!r}: {problem.rstrip('.')}.",
            hint="Write a list of channel names and patterns, such as ['lobby', 'room-*'].",
            id="websockets.E009",
        )


def origin_lists() -> Iterator[tuple[str, object]]:
    yield f"{SETTING}['ALLOWED_ORIGINS']", conf.ALLOWED_ORIGINS
    for mounted in mounted_views(WebSocketView):
        origins = mounted.option("allowed_origins")
        # A property has a value only during a request.
        if origins is not None and not hasattr(origins, "__get__"):
            yield f"allowed_origins of {mounted.view.__name__} under {mounted.pattern!r}", origins


def listed_origins() -> Iterator[tuple[str, object]]:
    """Yield every allowed origin of the site, with the place that lists it."""
    for where, origins in origin_lists():
        if isinstance(origins, _LISTS):
            for origin in origins:
                yield where, origin
