"""The ``Host`` names that the gateway answers: the defence against DNS rebinding.

The owner of a web page can point the page's own domain at 127.0.0.1. The browser then treats the gateway as a part of
that page, and would let the page read the gateway's answers. The ``Host`` header still carries the page's domain.
"""

from __future__ import annotations

import ipaddress
from typing import Iterable

from .error_answers import Misdirected
from .http_messages import Request, host_name


class AllowedHosts:
    """The loopback names, and ``names`` that the developer added."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = frozenset(host_name(name) for name in names)

    def __contains__(self, host: str) -> bool:
        return host in self._names or is_loopback_name(host)

    def check(self, request: Request) -> None:
        """Raise Misdirected if ``request`` names another host."""
        if request.host not in self:
            raise Misdirected(refusal_of(request.host))


def refusal_of(host: str) -> str:
    """Return why ``host`` is refused, and what to do about it."""
    return (
        f"The local gateway does not answer to the host {host!r}. "
        f"Use 127.0.0.1 or localhost, or start the gateway with --allowed-host {host or 'NAME'}."
    )


def is_loopback_name(host: str) -> bool:
    """Return whether ``host`` always means this machine. Browsers resolve each name under ``localhost`` themselves."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
