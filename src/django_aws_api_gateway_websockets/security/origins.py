"""Origins: the pages that may open a connection.

A browser sends the site's cookie from any page, and names the page in ``Origin``. Origins are parsed and compared
part by part, because ``https://example.com.evil.test`` begins like ``https://example.com``.
"""

from __future__ import annotations

import re
from typing import Iterable, NamedTuple

from django.conf import settings
from django.http import HttpRequest

from .. import protocol
from ..exceptions import OriginRefused

__all__ = ["ANY", "AllowedOrigin", "Origin", "check_origin", "parse_allowed", "parse_origin"]

_HOST = r"(?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:.]+\]"
_ORIGIN = re.compile(rf"(https?)://({_HOST})(?::([0-9]{{1,5}}))?\Z")
_ALLOWED = re.compile(rf"(https?)://(\*\.)?({_HOST})(?::([0-9]{{1,5}}))?\Z")
# Schemes of apps and browser extensions: capacitor://localhost, chrome-extension://ID. Never http or ws.
_APP_ORIGIN = re.compile(r"(?!(?:https?|wss?):)([a-z][a-z0-9+.-]*)://([a-z0-9._-]+)(?::([0-9]{1,5}))?\Z")
_DEFAULT_PORTS = {"http": 80, "https": 443}

#: Allows every origin. A system check warns about it.
ANY = "*"


class Origin(NamedTuple):
    """The origin of a page. ``host`` is in lower case. ``port`` is 0 for apps and extensions without a port."""

    scheme: str
    host: str
    port: int


class AllowedOrigin(NamedTuple):
    """One entry of a list of origins: a single origin, or the subdomains of its host."""

    origin: Origin
    subdomains: bool

    def allows(self, origin: Origin) -> bool:
        """Return whether this entry allows a page of ``origin``."""
        if self.subdomains:
            own = self.origin
            return origin[::2] == own[::2] and origin.host.endswith("." + own.host)
        return origin == self.origin


def parse_origin(text: str) -> Origin | None:
    """Return the origin that a client sent as ``text``. Return None for ``null`` and for malformed values."""
    match = _ORIGIN.match(text) or _APP_ORIGIN.match(text)
    return _origin(*match.groups()) if match else None


def parse_allowed(text: str) -> AllowedOrigin | None:
    """Return the entry ``text`` of a list: ``https://example.com``, ``https://*.example.com`` or ``ionic://localhost``.

    Only http and https have wildcards. Other schemes are compared exactly.
    """
    match = _ALLOWED.match(text.lower())
    if match is None:
        app = parse_origin(text.lower())
        return AllowedOrigin(app, False) if app else None
    origin = _origin(match.group(1), match.group(3), match.group(4))
    return AllowedOrigin(origin, bool(match.group(2))) if origin else None


def _origin(scheme: str, host: str, port: str | None) -> Origin | None:
    if port is None:
        return Origin(scheme, host, _DEFAULT_PORTS.get(scheme, 0))
    return Origin(scheme, host, int(port)) if 0 < int(port) < 65536 else None


def check_origin(request: HttpRequest, allowed: Iterable[str], *, required: bool) -> None:
    """Raise ``OriginRefused`` unless the handshake comes from a page of this site or of ``allowed``.

    This site's origins are the request's own host and ``CSRF_TRUSTED_ORIGINS``. ``required=False`` accepts clients
    that send no ``Origin``. Browsers always send one.
    """
    text = request.headers.get("Origin")
    if text is None:
        if required:
            raise OriginRefused(
                "The handshake has no Origin header. Browsers send one. "
                "For other clients, set require_origin = False on the view."
            )
        return
    allowed = list(allowed)
    if ANY in allowed:
        return
    origin = parse_origin(text)
    if origin is None or not (_is_own(request, origin) or _is_listed(origin, allowed)):
        raise OriginRefused(_advice(request, text, origin))


def _advice(request: HttpRequest, text: str, origin: Origin | None) -> str:
    refused = f"Pages of {text[:200]!r} may not open connections to this site."
    if origin is None:
        return f"{refused} This value cannot be allowed. Open the page from an http:// or https:// address."
    host = request.get_host()
    if protocol.is_loopback(f"//{host}") and protocol.is_loopback(f"//{origin.host}") and origin.scheme != "https":
        # Allowing the origin would not help, because a cookie of localhost is not sent to 127.0.0.1.
        return f"{refused} Open the page on http://{host}, so that the browser sends the login cookie."
    return (
        f"{refused} To allow them, add the origin to allowed_origins on the view, "
        "or to ALLOWED_ORIGINS in the setting WEBSOCKETS."
    )


def _is_own(request: HttpRequest, origin: Origin) -> bool:
    """Return whether ``origin`` has the host that the gateway calls, with the request's own scheme or https."""
    host = request.get_host().lower()
    own = {parse_origin(f"{scheme}://{host}") for scheme in ("https", request.scheme)}
    if protocol.is_loopback(f"//{host}") and protocol.is_loopback(f"//{origin.host}"):
        # A site on this machine has several host names, and the local gateway uses one of them.
        return any(one is not None and one[::2] == origin[::2] for one in own)
    return origin in own


def _is_listed(origin: Origin, allowed: Iterable[str]) -> bool:
    for entry in (*allowed, *settings.CSRF_TRUSTED_ORIGINS):
        parsed = parse_allowed(entry)
        if parsed is not None and parsed.allows(origin):
            return True
    return False
