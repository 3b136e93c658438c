"""Which pages may open a socket: a browser sends the site's cookie along from any page, and says which by ``Origin``.

Origins are parsed and compared part by part, never as text: ``https://example.com.evil.test`` begins like
``https://example.com`` and is someone else's.
"""

from __future__ import annotations

import re
from typing import Iterable, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from ..exceptions import OriginRefused
from ..protocol import LOOPBACK_HOSTS

_ORIGIN = re.compile(r"(https?)://((?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?\Z")
_ALLOWED = re.compile(r"(https?)://(\*\.)?((?:[a-z0-9_-]+\.)*[a-z0-9_-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?\Z")
_DEFAULT_PORTS = {"http": 80, "https": 443}

#: Allows every origin. A system check warns of it.
ANY = "*"


class Origin(NamedTuple):
    """A page's origin; ``host`` is lower case, ``port`` never None."""

    scheme: str
    host: str
    port: int


class AllowedOrigin(NamedTuple):
    """One entry of a list: an origin, or with ``subdomains`` those below its host."""

    origin: Origin
    subdomains: bool

    def allows(self, origin: Origin) -> bool:
        if self.subdomains:
            own = self.origin
            return origin[::2] == own[::2] and origin.host.endswith("." + own.host)
        return origin == self.origin


def parse_origin(text: str) -> Origin | None:
    """The origin that a browser serialized as ``text``; None for ``null`` and whatever is no single origin."""
    match = _ORIGIN.match(text)
    return _origin(match.group(1), match.group(2), match.group(3)) if match else None


def parse_allowed(text: str) -> AllowedOrigin | None:
    """An entry as in ``CSRF_TRUSTED_ORIGINS``: ``https://example.com`` or ``https://*.example.com``."""
    match = _ALLOWED.match(text.lower())
    origin = _origin(match.group(1), match.group(3), match.group(4)) if match else None
    return AllowedOrigin(origin, bool(match and match.group(2))) if origin else None


def _origin(scheme: str, host: str, port: str | None) -> Origin | None:
    number = int(port) if port else _DEFAULT_PORTS[scheme]
    return Origin(scheme, host, number) if 0 < number < 65536 else None


def check_origin(request: HttpRequest, allowed: Iterable[str], *, required: bool) -> None:
    """Raise ``OriginRefused`` unless the handshake comes from a page of this site or of ``allowed``.

    This site: the request's own host, and ``CSRF_TRUSTED_ORIGINS``. ``required`` False lets clients in that
    send no ``Origin``, which no browser does.
    """
    text = request.headers.get("Origin")
    if text is None:
        if required:
            raise OriginRefused(
                "The handshake has no Origin. Browsers send one; for others set require_origin = False on the view."
            )
        return
    allowed = list(allowed)
    if ANY in allowed:
        return
    origin = parse_origin(text)
    if origin is None or not (_is_own(request, origin) or _is_listed(origin, allowed)):
        raise OriginRefused(
            f"Pages of {text[:200]!r} may not open sockets here. If they should, add their origin to "
            "allowed_origins on the view, or to ALLOWED_ORIGINS of the setting WEBSOCKETS."
        )


def _is_own(request: HttpRequest, origin: Origin) -> bool:
    """The host under which the gateway calls this site, by the request's own scheme or by https."""
    host = request.get_host().lower()
    own = {parse_origin(f"{scheme}://{host}") for scheme in ("https", request.scheme)}
    if origin.host in LOOPBACK_HOSTS and urlsplit(f"//{host}").hostname in LOOPBACK_HOSTS:
        # A site on this machine has several names, and the local gateway calls it by one of them.
        return any(one is not None and one[::2] == origin[::2] for one in own)
    return origin in own


def _is_listed(origin: Origin, allowed: Iterable[str]) -> bool:
    for entry in (*allowed, *settings.CSRF_TRUSTED_ORIGINS):
        parsed = parse_allowed(entry)
        if parsed is not None and parsed.allows(origin):
            return True
    return False
