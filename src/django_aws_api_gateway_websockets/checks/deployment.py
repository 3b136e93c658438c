"""System checks for settings that are suitable for development but not for production. docs/checks.md lists them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import connections

from ..conf import conf
from ..models import WebSocketSession
from ..security.origins import ANY
from ..security.targets import allowed_target_hosts
from ..views import WebSocketTokenView
from ..views.mounted import mounted_views
from .collecting import Checks, collected
from .settings import RATES, listed_origins

__all__ = ["check_deployment"]

#: These caches are not shared between processes, drop entries before they expire, or do not add atomically.
_UNFIT_CACHES = (DatabaseCache, DummyCache, FileBasedCache, LocMemCache)


@register("websockets", Tags.security, deploy=True)
@collected
def check_deployment() -> Checks:
    """W010 to W015: settings are safe and fast in production."""
    if not conf.REQUIRE_SECRET and not settings.DEBUG:
        yield CheckWarning(
            "REQUIRE_SECRET is False, so anyone who knows a connection id can send messages as its user.",
            hint="Run rotateGatewaySecret, so that the gateways send the secret. Then remove the setting.",
            id="websockets.W010",
        )
    for where, origin in listed_origins():
        if origin == ANY:
            yield CheckWarning(
                f"{where} has '*'. Every page on the web can open connections with the cookies of your users.",
                hint="List the origins of your pages.",
                id="websockets.W011",
            )
    if not conf.REQUIRE_ORIGIN:
        yield CheckWarning(
            "REQUIRE_ORIGIN is False for every view.",
            hint="Set require_origin = False only on the views that serve clients other than browsers.",
            id="websockets.W012",
        )
    if isinstance(_cache(), _UNFIT_CACHES) and (any(getattr(conf, key) for key in RATES) or _gives_tokens()):
        yield CheckWarning(
            f"The cache {conf.CACHE!r} is not shared between processes, drops entries early, or is not atomic. Limits "
            "may not hold, a connect token may work twice, and a logout may miss a connection that is being opened.",
            hint="Use Redis or Memcached, and name its alias in WEBSOCKETS['CACHE'] unless it is 'default'.",
            id="websockets.W013",
        )
    if "*" in allowed_target_hosts():
        yield CheckWarning(
            "Gateways may send their events and their secret to any host.",
            hint="List your hosts in ALLOWED_HOSTS, or in WEBSOCKETS['ALLOWED_TARGET_HOSTS'].",
            id="websockets.W014",
        )
    yield from _check_connections()


def _check_connections() -> Checks:
    alias = WebSocketSession.objects.all().write_db
    database = connections[alias].settings_dict
    pooled = isinstance(database.get("OPTIONS"), dict) and database["OPTIONS"].get("pool")
    if connections[alias].vendor != "sqlite" and database.get("CONN_MAX_AGE") == 0 and not pooled:
        yield CheckWarning(
            f"The database {alias!r} has CONN_MAX_AGE = 0, so every message opens a new database connection.",
            hint="Set CONN_MAX_AGE to some minutes and CONN_HEALTH_CHECKS to True, or use a connection pool.",
            id="websockets.W015",
        )


def _cache() -> Any:
    try:
        return caches[str(conf.CACHE)]
    except InvalidCacheBackendError:
        return None  # E005 reports it.


def _gives_tokens() -> bool:
    return any(True for _ in mounted_views(WebSocketTokenView))
