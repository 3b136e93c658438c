"""The hosts to which a gateway may send events and its secret: only those of this site."""

from __future__ import annotations

import re
from typing import Sequence

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http.request import validate_host
from django.utils.translation import gettext as _

from ..conf import conf

__all__ = ["allowed_target_hosts", "is_allowed_target", "target_hosts_setting", "validate_target"]

# The hosts that Django accepts if DEBUG is on and ALLOWED_HOSTS is empty.
_DEBUG_HOSTS = [".localhost", "127.0.0.1", "[::1]"]

# The host must be plain text. A stage variable could become "evil.example/?", and clients disagree about the host of
# "evil.example\.example.com" and "user@example.com". These characters are harmless after the host.
_HOST = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?(?=[/?#]|\Z)", re.IGNORECASE | re.ASCII)


def allowed_target_hosts() -> list[str]:
    """Return ``ALLOWED_TARGET_HOSTS`` of ``WEBSOCKETS``, or the site's own ``ALLOWED_HOSTS`` if it is not set."""
    hosts: Sequence[str] | None = conf.ALLOWED_TARGET_HOSTS
    if hosts is not None:
        return list(hosts)
    if settings.DEBUG and not settings.ALLOWED_HOSTS:
        return _DEBUG_HOSTS
    return list(settings.ALLOWED_HOSTS)


def target_hosts_setting() -> str:
    """Return the name of the setting that decides which hosts gateways may call, for a message."""
    return "ALLOWED_HOSTS" if conf.ALLOWED_TARGET_HOSTS is None else "ALLOWED_TARGET_HOSTS in the setting WEBSOCKETS"


def is_allowed_target(url: str) -> bool:
    """Return whether events may be sent to ``url``. ``*.example.com`` in the list allows its subdomains only."""
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
    """Raise ``ValidationError`` if a gateway may not call ``url``."""
    if not url.lower().startswith(("http://", "https://")):
        return  # The field's own validator reports this.
    if _HOST.match(url) is None:
        raise ValidationError(
            _(
                "Write the host of %(url)s in letters, digits, dots and hyphens only. Otherwise, it is not clear "
                "where events and the secret of the gateway would go. You can use stage variables in the path."
            ),
            code="target",
            params={"url": url},
        )
    if not is_allowed_target(url):
        raise ValidationError(
            _("Events and the secret of the gateway may not be sent to %(url)s. Add its host to %(setting)s."),
            code="target",
            params={"url": url, "setting": target_hosts_setting()},
        )
