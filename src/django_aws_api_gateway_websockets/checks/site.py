"""System checks of what a site trusts. Their table is docs/checks.md."""

from __future__ import annotations

from typing import Any, Callable, Iterator

from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from ..conf import SETTING, conf
from ..models.validators import is_allowed_domain
from ..security.limits import parse_rate
from ..security.origins import ANY, parse_allowed
from ..security.targets import allowed_target_hosts, is_allowed_target
from ..views import WebSocketTokenView, WebSocketView, handler_names
from ..views.mounted import Mounted, mounted_views

_RATES = ("CONNECTS_PER_IP", "CONNECTS_PER_USER", "MESSAGES_PER_CONNECTION")
_POSITIVE = ("CONNECT_TOKEN_MAX_AGE", "MAX_JSON_DEPTH")
_NAMES = {
    "ALLOWED_TARGET_HOSTS": "www.example.com",
    "ALLOWED_DOMAINS": "ws.example.com",
    "ALLOWED_HOSTED_ZONES": "Z0123456789ABC",
}
_LISTS = (list, tuple, set, frozenset)
_NOT_SHARED = ("django.core.cache.backends.locmem.LocMemCache", "django.core.cache.backends.dummy.DummyCache")

Checks = Iterator[CheckMessage]


def _collected(check: Callable[[], Checks]) -> Callable[..., list[CheckMessage]]:
    """A generator of messages, as Django calls checks. A setting that is no dict is E001's business."""

    def run(**kwargs: Any) -> list[CheckMessage]:
        return list(check()) if isinstance(getattr(settings, SETTING, {}), dict) else []

    run.__doc__ = check.__doc__
    return run


@register("websockets")
@_collected
def check_values() -> Checks:
    """E003, E004, E005: values of ``WEBSOCKETS`` that nothing could work with."""
    yield from _check_numbers()
    yield from _check_lists()
    try:
        caches[str(conf.CACHE)]
    except InvalidCacheBackendError:
        yield Error(
            f"{SETTING}['CACHE'] names {conf.CACHE!r}, which CACHES has not.",
            hint="Write one of the aliases in CACHES; 'default' is the default.",
            id="websockets.E005",
        )


def _check_numbers() -> Checks:
    for key in _RATES:
        rate = getattr(conf, key)
        try:
            parse_rate(rate) if rate is not None else None
        except (ValueError, TypeError):
            yield Error(
                f"{SETTING}[{key!r}] is {rate!r}, which is no rate.",
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
            hint="Write a number of seconds; 0 is a write for each message.",
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
    for where, origins in _origin_lists():
        if not isinstance(origins, _LISTS):
            yield Error(
                f"{where} is {origins!r}, not a list.",
                hint="Write a list of origins, such as ['https://example.com'].",
                id="websockets.E004",
            )
    for where, origin in _listed_origins():
        if origin != ANY and parse_allowed(str(origin)) is None:
            yield Error(
                f"{where} has {origin!r}, which is no origin.",
                hint="Write scheme and host only, as in 'https://example.com' or 'https://*.example.com'.",
                id="websockets.E004",
            )


def _origin_lists() -> Iterator[tuple[str, object]]:
    yield f"{SETTING}['ALLOWED_ORIGINS']", conf.ALLOWED_ORIGINS
    for mounted in mounted_views(WebSocketView):
        origins = mounted.option("allowed_origins")
        # A property has its value when a request is there.
        if origins is not None and not hasattr(origins, "__get__"):
            yield f"allowed_origins of {mounted.view.__name__} under {mounted.pattern!r}", origins


def _listed_origins() -> Iterator[tuple[str, object]]:
    for where, origins in _origin_lists():
        if isinstance(origins, _LISTS):
            for origin in origins:
                yield where, origin


@register("websockets", Tags.urls)
@_collected
def check_urls() -> Checks:
    """E006, W001, W002, W003: whether the gateway's POST reaches a view."""
    mounted = list(mounted_views(WebSocketView))
    if not mounted:
        yield CheckWarning(
            "No URL leads to a WebSocketView, so no event of a gateway is handled.",
            hint="Add path('ws/<slug:route>', YourView.as_view()) to urls.py.",
            id="websockets.W001",
        )
    for one in mounted:
        yield from _check_url(one)


@register("websockets", Tags.urls)
@_collected
def check_handlers() -> Checks:
    """E007: each handler of a view can be picked by a message."""
    for view in {mounted.view: None for mounted in mounted_views(WebSocketView)}:
        try:
            handler_names(view)
        except ImproperlyConfigured as error:
            yield Error(str(error), hint="Which methods are handlers: docs, The view.", id="websockets.E007")


def _check_url(mounted: Mounted) -> Checks:
    name = mounted.view.__name__
    if not mounted.takes_route:
        yield Error(
            f"The URL {mounted.pattern!r} of {name} has no parameter 'route'.",
            hint="Write path('ws/<slug:route>', …): the last part of the URL says which event it is.",
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
            f"A decorator on the URL {mounted.pattern!r} asks for a CSRF token or a login, which a gateway has not.",
            hint=f"Mount {name}.as_view() itself, and declare login_required on the view.",
            id="websockets.W003",
        )


@register("websockets", Tags.security, deploy=True)
@_collected
def check_deployment() -> Checks:
    """W010 to W014: what is fine on a laptop and is not where strangers come by."""
    if not conf.REQUIRE_SECRET and not settings.DEBUG:
        yield CheckWarning(
            "REQUIRE_SECRET is False: whoever knows a connection id can speak for its user.",
            hint="Update the gateways so that they send the secret (rotateGatewaySecret), and remove the setting.",
            id="websockets.W010",
        )
    for where, origin in _listed_origins():
        if origin == ANY:
            yield CheckWarning(
                f"{where} has '*': every page on the web can open sockets with the cookies of your users.",
                hint="List the origins of your pages.",
                id="websockets.W011",
            )
    if not conf.REQUIRE_ORIGIN:
        yield CheckWarning(
            "REQUIRE_ORIGIN is False for every view.",
            hint="Set require_origin = False on the views that are for clients other than browsers.",
            id="websockets.W012",
        )
    if settings.CACHES.get(str(conf.CACHE), {}).get("BACKEND") in _NOT_SHARED and _needs_cache():
        yield CheckWarning(
            f"The cache {conf.CACHE!r} is not shared between processes: limits count in each of them, and a connect "
            "token can be used once in each of them; a logout can miss a socket that is just being opened.",
            hint="Use Redis or Memcached, and name its alias in WEBSOCKETS['CACHE'] unless it is 'default'.",
            id="websockets.W013",
        )
    if "*" in allowed_target_hosts():
        yield CheckWarning(
            "Gateways may send their events, and the secret that proves them, to any host.",
            hint="List your hosts in ALLOWED_HOSTS, or in WEBSOCKETS['ALLOWED_TARGET_HOSTS'].",
            id="websockets.W014",
        )


def _needs_cache() -> bool:
    return any(getattr(conf, key) for key in _RATES) or _gives_tokens()


def _gives_tokens() -> bool:
    return any(True for _ in mounted_views(WebSocketTokenView))


@register("websockets", Tags.database)
def check_gateways(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """W020 to W025: rows that the settings are at odds with. Runs with ``check --database default``."""
    from ..models import ApiGateway

    if not databases:
        return []
    try:
        gateways = list(ApiGateway.objects.prefetch_related("additional_routes"))
    except DatabaseError:
        return []  # not migrated yet
    return [message for gateway in gateways for message in _check_gateway(gateway)]


def _check_gateway(gateway: Any) -> Checks:
    cookie_domain = (settings.SESSION_COOKIE_DOMAIN or "").lstrip(".")
    domain = gateway.domain_name
    reached = cookie_domain and (domain == cookie_domain or domain.endswith(f".{cookie_domain}"))
    if domain and not reached and not _gives_tokens():
        yield CheckWarning(
            f"The session cookie does not reach {domain}, the domain of the gateway {gateway}: everyone is a visitor.",
            hint="Set SESSION_COOKIE_DOMAIN to a domain that both share, or use connect tokens.",
            id="websockets.W020",
        )
    if gateway.api_id and gateway.sends_secret is False:
        yield CheckWarning(
            f"The gateway {gateway} does not send its secret with every event: the view refuses those without.",
            hint=f"Run updateApiGateway --pk={gateway.pk}, which adds it.",
            id="websockets.W023",
        )
    if domain and not is_allowed_domain(domain):
        yield CheckWarning(
            f"The gateway {gateway} names the custom domain {domain}, which ALLOWED_DOMAINS does not list.",
            hint="Correct the domain name, or add it to WEBSOCKETS['ALLOWED_DOMAINS'].",
            id="websockets.W024",
        )
    if gateway.data_trace:
        yield CheckWarning(
            f"The gateway {gateway} writes every message in full to its execution log.",
            hint="Turn data tracing off when you have found what you were looking for.",
            id="websockets.W025",
        )
    targets = [gateway.target_base_endpoint, *(route.integration_url for route in gateway.additional_routes.all())]
    for target in targets:
        if settings.SECURE_SSL_REDIRECT and target.lower().startswith("http://"):
            yield CheckWarning(
                f"The gateway {gateway} posts to {target}, and SECURE_SSL_REDIRECT answers with a redirect.",
                hint="Let the target begin with https://.",
                id="websockets.W021",
            )
        if not is_allowed_target(target):
            yield CheckWarning(
                f"The gateway {gateway} sends its events, and its secret, to {target}, which is no host of this site.",
                hint="Correct the URL, or add its host to WEBSOCKETS['ALLOWED_TARGET_HOSTS'].",
                id="websockets.W022",
            )
