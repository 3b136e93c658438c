"""Connect tokens: a login for one handshake. Gateways whose domain does not get the session cookie need them.

A token is signed, works once, and is valid for ``CONNECT_TOKEN_MAX_AGE`` seconds. It is bound to the user, the
password, the authentication backend and the Django session. Nothing is stored in the database. The cache remembers used
tokens.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any, Mapping, NamedTuple

from django.contrib.auth import get_user_model
from django.core import signing
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict

from ..conf import conf
from ..definition import HiddenStr
from ..exceptions import TokenRefused
from .authority import backend_of_mark, backend_of_request, current_user, login_mark
from .browser_sessions import session_hash
from .ended_logins import has_ended

__all__ = ["CLOCK_TOLERANCE", "QUERY_PARAMETER", "TokenLogin", "make_token", "redeem_token", "take_token"]

logger = logging.getLogger("django_aws_api_gateway_websockets")

QUERY_PARAMETER = "ws_token"
#: Seconds by which the clocks of two of the site's machines may differ.
CLOCK_TOLERANCE = 5

# Variables of Gunicorn and uWSGI with the query.
_URIS = {"RAW_URI", "REQUEST_URI"}
_SALT = "django_aws_api_gateway_websockets.connect_token"
_REFUSED = "The connect token is invalid, expired or used. Ask for a new one before each handshake."
_ENDED = "The login under which the connect token was issued has ended."


class TokenLogin(NamedTuple):
    """The login that a token stands for: its user, the hash of its session, and its authentication backend."""

    user: Any
    session_hash: str
    backend: str


def make_token(request: HttpRequest) -> str:
    """Return a token for the user and the session of ``request``. The user must be logged in."""
    user: Any = request.user
    content = {
        "user": str(user.pk),
        "session": session_hash(request),
        "password": login_mark(user, backend_of_request(request), _SALT),
        "issued": time.time(),
        "nonce": secrets.token_urlsafe(16),
    }
    return signing.dumps(content, salt=_SALT)


def take_token(request: HttpRequest) -> HiddenStr | None:
    """Return the token of a handshake, or None, and remove it from ``request``, so that no error page shows it."""
    token = request.GET.get(QUERY_PARAMETER)
    if token is None:
        return None
    rest = request.GET.copy()
    del rest[QUERY_PARAMETER]
    query = rest.urlencode()
    request.GET = QueryDict(query, encoding=request.GET.encoding)
    request.META["QUERY_STRING"] = query
    for name in _URIS & set(request.META):
        request.META[name] = f"{request.META[name].partition('?')[0]}?{query}"
    return HiddenStr(token)


def redeem_token(token: str) -> TokenLogin:
    """Use up ``token`` and return its login. Raise ``TokenRefused`` if it is bad or used, or its login has ended."""
    try:
        content = signing.loads(token, salt=_SALT, max_age=conf.CONNECT_TOKEN_MAX_AGE)
    except signing.BadSignature:
        raise TokenRefused(_REFUSED) from None
    age = time.time() - content["issued"]
    # The signature's own age is never negative, so a token from the future would live longer than the cache remembers
    # it.
    if age < -CLOCK_TOLERANCE or not _use_up(content["nonce"], age):
        raise TokenRefused(_REFUSED)
    return _login(content)


def _use_up(nonce: str, age: float) -> bool:
    """Return True for the first caller only. Remember the token until every machine would refuse it."""
    key = f"websockets:token:{nonce}"
    cache = caches[conf.CACHE]
    remaining = int(conf.CONNECT_TOKEN_MAX_AGE - age) + 2 * CLOCK_TOLERANCE + 1
    try:
        # The get() refuses tokens if the cache stores nothing, as Django's dummy cache does.
        return bool(cache.add(key, True, remaining)) and cache.get(key) is not None
    except Exception as error:
        logger.error("A connect token was refused, because the cache %r failed: %r", conf.CACHE, error)
        return False


def _login(content: Mapping[str, Any]) -> TokenLogin:
    user = _user(content["user"])
    backend = None if user is None else backend_of_mark(user, content["password"], _SALT)
    if backend is None or has_ended(content["session"], user, since=content["issued"]):
        raise TokenRefused(_ENDED)
    current = current_user(user, backend, visible=True)
    if current is None:
        raise TokenRefused(_ENDED)
    return TokenLogin(current, content["session"], backend)


def _user(pk: str) -> Any:
    try:
        return get_user_model()._default_manager.filter(pk=pk).first()
    except (ValueError, ValidationError):
        return None
