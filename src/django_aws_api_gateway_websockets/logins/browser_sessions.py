"""The browser session that a connection belongs to, so that its logout finds the connection.

A session row keeps a hash of one of two values. With database sessions it is the session key, because the signal for
the session's deletion names that key. With all other sessions it is an id that this package writes into the session at
login. The id survives ``cycle_key()``, and it also works with signed cookies, which have no key.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import db, signed_cookies
from django.contrib.sessions.backends.base import SessionBase
from django.core.cache import caches
from django.http import HttpRequest

from .. import protocol
from ..conf import conf

__all__ = ["hash_of", "previous_session_hash", "remember_browser", "session_hash", "start_session"]

logger = logging.getLogger("django_aws_api_gateway_websockets")

_ID = "_websockets_id"


def session_hash(request: HttpRequest) -> str:
    """Return the hash of the session that ``request`` belongs to, or an empty string if it has none."""
    session = getattr(request, "session", None)
    if not isinstance(session, SessionBase):
        return ""
    return hash_of(session.session_key if _deletion_is_heard(session) else session.get(_ID))


def hash_of(secret: str | None) -> str:
    """Return the hash that rows keep of a session key or id. The key itself would allow a login."""
    # Keys and ids are random and long, so neither a salt nor a slow hash is needed.
    return hashlib.sha256(secret.encode()).hexdigest() if secret else ""


def start_session(request: HttpRequest) -> None:
    """Write the id into the session of a new login, unless the session has one or does not need one."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionBase) and not _deletion_is_heard(session) and _ID not in session:
        session[_ID] = secrets.token_urlsafe(16)


def previous_session_hash(request: HttpRequest) -> str:
    """Return the hash of the session that the browser had before it logged in, if it was a different one.

    If another user was logged in, Django has deleted that session by now. Only the browser's cookie still contains its
    key.
    """
    session = getattr(request, "session", None)
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not cookie or not isinstance(session, SessionBase):
        return ""
    if isinstance(session, signed_cookies.SessionStore):
        previous = hash_of(type(session)(cookie).get(_ID))
    elif _deletion_is_heard(session):
        return ""
    else:
        previous = _recall(cookie)
    return previous if previous != session_hash(request) else ""


def remember_browser(request: HttpRequest) -> None:
    """Remember which id belongs to the session key of a handshake, for ``previous_session_hash``."""
    session: Any = getattr(request, "session", None)
    found = session_hash(request)
    if not found or isinstance(session, signed_cookies.SessionStore) or _deletion_is_heard(session):
        return
    try:
        caches[conf.CACHE].set(_cache_key(session.session_key), found, int(protocol.MAX_CONNECTION_AGE))
    except Exception as error:
        logger.error(
            "The browser of a connection was not remembered, because the cache %r failed: %r", conf.CACHE, error
        )


def _recall(session_key: str) -> str:
    try:
        return str(caches[conf.CACHE].get(_cache_key(session_key)) or "")
    except Exception as error:
        logger.error("The previous login was not looked up, because the cache %r failed: %r", conf.CACHE, error)
        return ""


def _cache_key(session_key: str | None) -> str:
    return f"websockets:browser:{hash_of(session_key)}"


def _deletion_is_heard(session: Any) -> bool:
    return isinstance(session, db.SessionStore) and bool(conf.CLOSE_ON_SESSION_DELETE)
