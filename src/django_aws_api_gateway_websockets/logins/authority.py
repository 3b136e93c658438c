"""The login under which a socket was opened, and whether it still stands.

A connection remembers two things of its ``$connect``: a hash of the Django session's key, by which a logout finds
it, and the user's session auth hash, which changes with the password. Messages compare the latter with the user
row that their one query has loaded anyway.
"""

from __future__ import annotations

import hashlib
from typing import Any, Iterator

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

# The "key" of such a session is its whole content, another one after each change.
_UNBOUND_ENGINE = "django.contrib.sessions.backends.signed_cookies"


def hash_session_key(session_key: str | None) -> str:
    """What a row keeps of a session key: the key itself is a login. Empty for no session."""
    if not session_key:
        return ""
    # Session keys are 32 random characters: no salt and no slow hash are needed to make this one-way.
    return hashlib.sha256(session_key.encode()).hexdigest()


def session_key_hash(request: HttpRequest) -> str:
    """The hash of the key of the session that ``request`` carries; empty where there is none to bind to."""
    if settings.SESSION_ENGINE == _UNBOUND_ENGINE:
        return ""
    return hash_session_key(getattr(getattr(request, "session", None), "session_key", None))


def auth_hash(user: Any) -> str:
    """The hash that Django puts into the user's sessions; empty for user models without one."""
    return user.get_session_auth_hash() if hasattr(user, "get_session_auth_hash") else ""


def auth_hashes(user: Any) -> Iterator[str]:
    """The session auth hashes under which a login of ``user`` stands.

    As in ``django.contrib.auth.get_user``, those under ``SECRET_KEY_FALLBACKS`` still count.
    """
    yield auth_hash(user)
    yield from getattr(user, "get_session_auth_fallback_hash", tuple)()


def login_ended(user: Any, remembered: str) -> bool:
    """Whether ``user`` changed the password since ``remembered`` was their session auth hash."""
    return not any(constant_time_compare(remembered, current) for current in auth_hashes(user))
