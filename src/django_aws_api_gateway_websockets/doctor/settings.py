"""Settings that prevent sockets from working, or logins from reaching them."""

from __future__ import annotations

from typing import Any, Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host
from django.utils.module_loading import import_string

from ..conf import conf
from ..models import ApiGateway
from ..protocol import is_loopback
from ..security.origins import parse_allowed
from ..security.targets import is_allowed_target
from ..views import WebSocketTokenView
from ..views.mounted import mounted_views
from .finding import ERROR, WARNING, Finding

Findings = Iterator[Finding]

_DEBUG_HOSTS = [".localhost", "127.0.0.1", "[::1]"]
_NOT_SHARED = ("locmem.LocMemCache", "dummy.DummyCache")


def cookie_domain(gateway: ApiGateway) -> Findings:
    socket, site = _host(gateway.websocket_url), _host(gateway.target_base_endpoint)
    domain = (settings.SESSION_COOKIE_DOMAIN or site).lstrip(".")
    shared = bool(settings.SESSION_COOKIE_DOMAIN) and socket.endswith(f".{domain}")
    both_here = is_loopback(gateway.websocket_url) and is_loopback(gateway.target_base_endpoint)
    if not socket or socket == domain or shared or both_here or _gives_tokens():
        return
    remedy = "Set SESSION_COOKIE_DOMAIN to a domain that the site and the socket share, or use connect tokens."
    if not gateway.custom_domain_created:
        remedy = (
            "Create a custom domain that shares a parent domain with the site (createCustomDomain), or use connect "
            "tokens."
        )
    yield Finding(
        ERROR, "cookie-domain", f"The session cookie does not reach {socket}, so every user is anonymous.", remedy
    )


def cookie_same_site(gateway: ApiGateway) -> Findings:
    if str(settings.SESSION_COOKIE_SAMESITE).lower() == "none" and not settings.SESSION_COOKIE_SECURE:
        yield Finding(
            ERROR,
            "cookie-same-site",
            "SESSION_COOKIE_SAMESITE is 'None' without SESSION_COOKIE_SECURE, so browsers drop the session cookie.",
            "Set SESSION_COOKIE_SECURE = True, or SESSION_COOKIE_SAMESITE = 'Lax'.",
        )


def cookie_secure(gateway: ApiGateway) -> Findings:
    if gateway.is_local and settings.SESSION_COOKIE_SECURE:
        yield Finding(
            WARNING,
            "cookie-secure",
            "SESSION_COOKIE_SECURE is on, but the local gateway has no TLS, so some browsers send no cookie.",
            "Turn it off in your development settings.",
        )
    elif not gateway.is_local and not settings.SESSION_COOKIE_SECURE:
        yield Finding(
            WARNING,
            "cookie-not-secure",
            "SESSION_COOKIE_SECURE is off, so the session cookie also travels without TLS.",
            "Set SESSION_COOKIE_SECURE = True.",
        )


def allowed_hosts(gateway: ApiGateway) -> Findings:
    hosts = settings.ALLOWED_HOSTS or (_DEBUG_HOSTS if settings.DEBUG else [])
    for url in _targets(gateway):
        host = _host(url)
        if host and is_allowed_target(url) and not validate_host(host, hosts):
            yield Finding(
                ERROR, "allowed-hosts", f"ALLOWED_HOSTS does not contain {host}, so Django answers 400 to every event.",
                f"Add {host!r} to ALLOWED_HOSTS.",
            )  # fmt: skip


def allowed_targets(gateway: ApiGateway) -> Findings:
    for url in _targets(gateway):
        if not is_allowed_target(url):
            yield Finding(
                ERROR, "target-host", f"The gateway sends events to {url}, which is not a host of this site.",
                "Correct the URL, or add its host to ALLOWED_HOSTS or to WEBSOCKETS['ALLOWED_TARGET_HOSTS'].",
            )  # fmt: skip


def trusted_origins(gateway: ApiGateway) -> Findings:
    for entry in settings.CSRF_TRUSTED_ORIGINS:
        if parse_allowed(entry) is None:
            yield Finding(
                ERROR, "csrf-trusted-origins", f"CSRF_TRUSTED_ORIGINS has {entry!r}, which is not an origin.",
                "Write the scheme and the host, such as 'https://www.example.com', without a path.",
            )  # fmt: skip


def shared_cache(gateway: ApiGateway) -> Findings:
    backend = str(settings.CACHES.get(str(conf.CACHE), {}).get("BACKEND"))
    if not gateway.is_local and backend.endswith(_NOT_SHARED):
        yield Finding(
            WARNING, "cache-not-shared", f"Processes do not share the cache {conf.CACHE!r} ({backend}).",
            "Use Redis or Memcached, and name its alias in WEBSOCKETS['CACHE'].",
        )  # fmt: skip


def shared_sessions(gateway: ApiGateway) -> Findings:
    alias = settings.SESSION_CACHE_ALIAS
    backend = str(settings.CACHES.get(alias, {}).get("BACKEND"))
    if settings.SESSION_ENGINE.endswith(".cache") and not gateway.is_local and backend.endswith(_NOT_SHARED):
        yield Finding(
            ERROR, "sessions-not-shared", f"Sessions are in the cache {alias!r}, which processes do not share.",
            "Use a shared cache, or sessions in the database.",
        )  # fmt: skip


def middleware(gateway: ApiGateway) -> Findings:
    wanted = {
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    }
    classes = [import_string(path) for path in settings.MIDDLEWARE]
    for path in sorted(wanted):
        one = import_string(path)
        if not any(isinstance(other, type) and issubclass(other, one) for other in classes):
            yield Finding(
                ERROR, "middleware", f"MIDDLEWARE does not contain {path}, so every user is anonymous.", "Add it."
            )


def tls(gateway: ApiGateway) -> Findings:
    for url in _targets(gateway):
        if not url.lower().startswith("http://"):
            continue
        if settings.SECURE_SSL_REDIRECT:
            yield Finding(
                ERROR, "ssl-redirect", f"The gateway posts to {url}, and SECURE_SSL_REDIRECT answers with a redirect.",
                "Use a target that begins with https://.",
            )  # fmt: skip
        elif not gateway.is_local:
            yield Finding(
                WARNING, "target-plain-http", f"The gateway posts to {url} without TLS, with its secret.",
                "Use a target that begins with https://.",
            )  # fmt: skip


def reachable_target(gateway: ApiGateway) -> Findings:
    for url in _targets(gateway):
        if not gateway.is_local and is_loopback(url):
            yield Finding(
                ERROR, "target-loopback", f"{url} is on this machine, which AWS cannot reach.",
                "Use the public URL of the site, or mark the row as local.",
            )  # fmt: skip


def secret(gateway: ApiGateway) -> Findings:
    if not conf.REQUIRE_SECRET and not gateway.is_local:
        yield Finding(
            WARNING, "secret-not-required", "REQUIRE_SECRET is False, so anyone can post events to the view.",
            "Run updateApiGateway, then remove REQUIRE_SECRET from WEBSOCKETS.",
        )  # fmt: skip
    elif gateway.api_id and gateway.sends_secret is False:
        yield Finding(
            ERROR, "secret-not-sent", "The integrations do not send the gateway's secret, so the view answers 403.",
            f"Run updateApiGateway --pk={gateway.pk}.",
        )  # fmt: skip


PROBES = (
    cookie_domain,
    cookie_same_site,
    cookie_secure,
    allowed_hosts,
    allowed_targets,
    trusted_origins,
    shared_cache,
    shared_sessions,
    middleware,
    tls,
    reachable_target,
    secret,
)


def _targets(gateway: ApiGateway) -> list[str]:
    routes: Any = gateway.additional_routes.all()
    return [gateway.target_base_endpoint, *(route.integration_url for route in routes)]


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _gives_tokens() -> bool:
    return any(True for _ in mounted_views(WebSocketTokenView))
