"""Where a gateway may send its events, and with them its secret: to hosts of this site only."""

from __future__ import annotations

import re
from typing import Sequence

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http.request import validate_host
from django.utils.translation import gettext as _

from ..conf import conf

# What Django itself takes while DEBUG is on and ALLOWED_HOSTS is empty.
_DEBUG_HOSTS = [".localhost", "127.0.0.1", "[::1]"]

# Written out letter for letter: a stage variable in it can become "evil.example/?", and of "evil.example\.example.com"
# or "user@example.com" it is anybody's guess where a client goes. None of that can harm after the host.
_HOST = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?(?=[/?#]|\Z)", re.IGNORECASE | re.ASCII)


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
    match = _HOST.match(url)
    if match is None:
        return False
    host = match.group(1).lower()
    for entry in allowed_target_hosts():
        if entry.startswith("*."):
            if host.endswith(entry[1:].lower()) and host != entry[2:].lower():
                return True
        elif validate_host(host, [entry.lower()]):
            return True
    return False


def validate_target(url: str) -> None:
    """A validator for URLs that a gateway calls; raises ``ValidationError``."""
    if not url.lower().startswith(("http://", "https://")):
        return  # the field itself says what is wrong
    if _HOST.match(url) is None:
        raise ValidationError(
            _(
                "Write the host of %(url)s out, in letters, digits, dots and hyphens: nobody could say where events, "
                "and the secret that proves them, would go. A stage variable may stand in the path."
            ),
            code="target",
            params={"url": url},
        )
    if not is_allowed_target(url):
        raise ValidationError(
            _(
                "Events, and the secret that proves them, may not be sent to %(url)s. Add its host to ALLOWED_HOSTS, "
                "or to ALLOWED_TARGET_HOSTS of the setting WEBSOCKETS."
            ),
            code="target",
            params={"url": url},
        )
