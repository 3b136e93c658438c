"""System checks of the URLs, views and settings that receive events. docs/checks.md lists them."""

from __future__ import annotations

from typing import Any, Callable, Iterator

from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured

from ..conf import SETTING, conf
from ..security.limits import parse_rate
from ..security.origins import ANY, parse_allowed
from ..views import WebSocketView, handler_names
from ..views.mounted import Mounted, mounted_views

RATES = ("CONNECTS_PER_IP", "CONNECTS_PER_USER", "MESSAGES_PER_CONNECTION")
_POSITIVE = ("CONNECT_TOKEN_MAX_AGE", "MAX_JSON_DEPTH")
_NAMES = {
    "ALLOWED_TARGET_HOSTS": "www.example.com",
    "ALLOWED_DOMAINS": "ws.example.com",
    "ALLOWED_HOSTED_ZONES": "Z0123456789ABC",
}
_LISTS = (list, tuple, set, frozenset)

__all__ = ["RATES", "Checks", "collected", "listed_origins"]

Checks = Iterator[CheckMessage]


def collected(check: Callable[[], Checks]) -> Callable[..., list[CheckMessage]]:
    """Return ``check`` as a function that Django can call. If the setting is not a dict, only E001 reports it."""

    def run(**kwargs: Any) -> list[CheckMessage]:
        return list(check()) if isinstance(getattr(settings, SETTING, {}), dict) else []

    run.__doc__ = check.__doc__
    return run


@register("websockets")
@collected
def check_values() -> Checks:
    """E003, E004, E005: values of ``WEBSOCKETS`` are possible ones."""
    yield from _check_numbers()
    yield from _check_lists()
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
    interval = conf.ACTIVITY_INTERVAL
    if not isinstance(interval, (int, float)) or interval < 0:
        yield Error(
            f"{SETTING}['ACTIVITY_INTERVAL'] is {interval!r}.",
            hint="Write a number of seconds. With 0, each message writes to the database.",
            id="websockets.E003",
        )


def _check_lists() -> Checks:
    for key, example in _NAMES.items():
        names = getattr(conf, key)
        if not (names is None or isinstance(names, _LISTS)):
            yield Error(
                f"{SETTING}[{key!r}] is {names!r}, not a list.",
                hint=f"Write a list, such as [{example!r}], or None for the default.",
                id="websockets.E003",
            )
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


@register("websockets", Tags.urls)
@collected
def check_urls() -> Checks:
    """E006, W001 to W004: the requests of a gateway reach a view."""
    mounted = list(mounted_views(WebSocketView))
    if not mounted:
        yield CheckWarning(
            "No URL leads to a WebSocketView, so events of gateways are not handled.",
            hint="Add path('ws/<slug:route>', YourView.as_view()) to urls.py.",
            id="websockets.W001",
        )
    for one in mounted:
        yield from _check_url(one)


@register("websockets", Tags.urls)
@collected
def check_handlers() -> Checks:
    """E007: each handler of a view can be picked by a message."""
    for view in {mounted.view: None for mounted in mounted_views(WebSocketView)}:
        try:
            handler_names(view)
        except ImproperlyConfigured as error:
            yield Error(
                str(error),
                hint="See 'The view' in the documentation for what makes a method a handler.",
                id="websockets.E007",
            )


def _check_url(mounted: Mounted) -> Checks:
    name = mounted.view.__name__
    if not mounted.takes_route:
        yield Error(
            f"The URL {mounted.pattern!r} of {name} has no parameter 'route'.",
            hint="Write path('ws/<slug:route>', …). The last part of the URL names the event.",
            id="websockets.E006",
        )
    if mounted.pattern.endswith(("/", "/$", r"/\Z")):
        yield CheckWarning(
            f"The URL {mounted.pattern!r} of {name} ends with a slash. The gateway posts without one, and "
            "APPEND_SLASH answers that with a redirect.",
            hint="Write path('ws/<slug:route>', …).",
            id="websockets.W002",
        )
    login_middleware = any(entry.endswith("LoginRequiredMiddleware") for entry in settings.MIDDLEWARE)
    asks_for_login = mounted.login_decorated or (login_middleware and mounted.login_required)
    if asks_for_login or not mounted.csrf_exempt:
        yield CheckWarning(
            f"A decorator on the URL {mounted.pattern!r} requires a CSRF token or a login. A gateway has neither.",
            hint=f"Mount {name}.as_view() itself, and declare login_required on the view.",
            id="websockets.W003",
        )
    if mounted.language_prefix:
        yield CheckWarning(
            f"The URL {mounted.pattern!r} of {name} is inside i18n_patterns, so the gateway gets a redirect.",
            hint="Move the path out of i18n_patterns. The view uses the language of the client's $connect.",
            id="websockets.W004",
        )
