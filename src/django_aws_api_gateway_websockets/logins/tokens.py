"""Connect tokens: a login for one handshake, where the session cookie does not reach the gateway's domain.

Signed, valid for ``CONNECT_TOKEN_MAX_AGE`` seconds, bound to the user, the password and the Django session, and
spent by its first use. Nothing lies in the database; the cache remembers what was spent.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core import signing
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from ..conf import conf
from ..exceptions import TokenRefused
from .authority import auth_hash, auth_hashes, session_key_hash
from .ended import has_ended

logger = logging.getLogger("django_aws_api_gateway_websockets")

QUERY_PARAMETER = "ws_token"

_SALT = "django_aws_api_gateway_websockets.connect_token"
_REFUSED = "The connect token is invalid, expired or used: ask for a new one before each handshake."


class TokenLogin(NamedTuple):
    """Who connects by a token, and the hash of the session in which they asked for it."""

    user: Any
    session_key_hash: str


def make_token(request: HttpRequest) -> str:
    """A token for the user and the session of ``request``. The user must be logged in."""
    user: Any = request.user
    content = {
        "user": str(user.pk),
        "session": session_key_hash(request),
        "password": _password_mark(auth_hash(user)),
        "issued": time.time(),
        "nonce": secrets.token_urlsafe(16),
    }
    return signing.dumps(content, salt=_SALT)


def redeem_token(token: str) -> TokenLogin:
    """Spend ``token``; raises ``TokenRefused`` unless it is good, new, and its login still stands."""
    try:
        content = signing.loads(token, salt=_SALT, max_age=conf.CONNECT_TOKEN_MAX_AGE)
    except signing.BadSignature:
        raise TokenRefused(_REFUSED) from None
    if not _spend(content["nonce"]):
        raise TokenRefused(_REFUSED)
    user = _user(content["user"])
    if (
        user is None
        or not user.is_active
        or _password_changed(user, content["password"])
        or has_ended(content["session"], user, since=content["issued"])
    ):
        raise TokenRefused("The login under which the connect token was issued has ended.")
    return TokenLogin(user, content["session"])


def _spend(nonce: str) -> bool:
    """True for the first caller only: ``add`` writes where nothing is, in one step."""
    key = f"websockets:token:{nonce}"
    cache = caches[conf.CACHE]
    try:
        # The read refuses tokens where the cache keeps nothing, as Django's dummy cache does.
        return bool(cache.add(key, True, conf.CONNECT_TOKEN_MAX_AGE + 1)) and cache.get(key) is not None
    except Exception as error:
        logger.error("A connect token was refused, the cache %r fails: %r", conf.CACHE, error)
        return False


def _user(pk: str) -> Any:
    try:
        return get_user_model()._default_manager.filter(pk=pk).first()
    except (ValueError, ValidationError):
        return None


def _password_mark(session_auth_hash: str) -> str:
    """Changes with the password and tells nothing of it: a token stands in URLs."""
    # The key is in the hash already: under another one, the mark could not be told after a rotation.
    return hashlib.sha256(f"{_SALT}:{session_auth_hash}".encode()).hexdigest()[:32]


def _password_changed(user: Any, mark: str) -> bool:
    return not any(constant_time_compare(mark, _password_mark(current)) for current in auth_hashes(user))
