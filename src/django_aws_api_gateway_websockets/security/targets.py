"""Where a gateway may send its events, and with them its secret: to hosts of this site only."""

from __future__ import annotations

from typing import Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http.request import validate_host
from django.utils.translation import gettext as _

from ..conf import conf

# What Django itself takes while DEBUG is on and ALLOWED_HOSTS is empty.
_DEBUG_HOSTS = [".localhost", "127.0.0.1", "[::1]"]


def allowed_target_hosts() -> list[str]:
    """``ALLOWED_TARGET_HOSTS`` of ``WEBSOCKETS``, else the site's own ``ALLOWED_HOSTS``."""
    hosts: Sequence[str] | None = conf.ALLOWED_TARGET_HOSTS
    if hosts is not None:
        return list(hosts)
    if settings.DEBUG and not settings.ALLOWED_HOSTS:
        return _DEBUG_HOSTS
    return list(settings.ALLOWED_HOSTS)


def is_allowed_target(url: str) -> bool:
    """Whether events may be sent to ``url``. ``*.example.com`` in the list stands for its subdomains only."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.username is not None or parts.password is not None or not host:
        return False
    host = f"[{host}]" if ":" in host else host
    for entry in allowed_target_hosts():
        if entry.startswith("*."):
            if host.endswith(entry[1:].lower()) and host != entry[2:].lower():
                return True
        elif validate_host(host, [entry.lower()]):
            return True
    return False


def validate_target(url: str) -> None:
    """A validator for URLs that a gateway calls; raises ``ValidationError``."""
    if not is_allowed_target(url):
        raise ValidationError(
            _(
                "Events, and the secret that proves them, may not be sent to %(url)s. Add its host to ALLOWED_HOSTS, "
                "or to ALLOWED_TARGET_HOSTS of the setting WEBSOCKETS."
            ),
            code="target",
            params={"url": url},
        )
