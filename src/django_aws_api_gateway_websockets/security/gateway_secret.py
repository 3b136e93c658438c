"""The secret in a gateway's requests. It is derived from ``SECRET_KEY`` for each API and stored nowhere."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

_SALT = "django_aws_api_gateway_websockets.gateway_secret"


def gateway_secret(api_id: str) -> str:
    """Return the secret that the integrations of the API ``api_id`` send: 64 hexadecimal digits."""
    return _derive(api_id, settings.SECRET_KEY)


def is_gateway_secret(api_id: str, given: str) -> bool:
    """Return whether ``given`` is the secret of ``api_id`` under ``SECRET_KEY`` or one of its fallbacks.

    Every accepted secret is compared, so that the time taken does not reveal which one almost matched.
    """
    if not given.isascii():
        return False
    matches: list[bool] = [
        constant_time_compare(given, _derive(api_id, key))
        for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ]
    return any(matches)


@lru_cache(maxsize=256)
def _derive(api_id: str, key: str | bytes) -> str:
    return salted_hmac(_SALT, api_id, secret=key, algorithm="sha256").hexdigest()
