"""Whether the login that opened a connection is still valid, and which user it stands for.

A session row keeps a mark of the login. It is a hash over the user's session auth hash, which changes with the
password, and over the authentication backend of the login. For each message, the mark is compared with the user row
that the message's only query loads anyway. The backend that a page would ask for ``request.user`` is asked as well.
"""

from __future__ import annotations

import hashlib
from typing import Any, Iterator

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

__all__ = ["backend_of_mark", "backend_of_request", "current_user", "login_mark", "standing_marks", "visible_users"]

#: The backend of a login that is not in a session, such as one by a middleware of the site.
NO_BACKEND = ""


def backend_of_request(request: HttpRequest) -> str:
    """Return the path of the authentication backend that ``request.user`` comes from, or ``NO_BACKEND``."""
    session = getattr(request, "session", None)
    user: Any = request.user
    # A middleware may have set a different user from the one in the session.
    if isinstance(session, SessionBase) and session.get(SESSION_KEY) == user._meta.pk.value_to_string(user):
        return str(session.get(BACKEND_SESSION_KEY, NO_BACKEND))
    return NO_BACKEND


def login_mark(user: Any, backend: str, purpose: str = "") -> str:
    """Return the mark of a login of ``user`` through ``backend``. It changes with the password.

    Marks for different purposes differ, and none of them reveals anything about the password.
    """
    return _mark(_auth_hash(user), backend, purpose)


def backend_of_mark(user: Any, mark: str, purpose: str = "") -> str | None:
    """Return the backend that ``mark`` was made for. Return None if the login has ended.

    A login ends if the password changes, or if its backend is removed from ``AUTHENTICATION_BACKENDS``.
    """
    for backend in _backends():
        for auth_hash in _auth_hashes(user):
            if constant_time_compare(mark, _mark(auth_hash, backend, purpose)):
                return backend
    return None


def standing_marks(user: Any, database: str) -> list[str]:
    """Return the marks of all logins of ``user`` that are still valid."""
    users = visible_users(database)
    visible = users is None or users.filter(pk=user.pk).exists()
    backends = [backend for backend in _backends() if current_user(user, backend, visible=visible) is not None]
    return [_mark(auth_hash, backend, "") for backend in backends for auth_hash in _auth_hashes(user)]


def visible_users(database: str) -> QuerySet[Any] | None:
    """Return the users that the default manager of the user model includes. Return None if it includes all."""
    users: QuerySet[Any] = get_user_model()._default_manager.get_queryset()
    return users.using(database) if users.query.where else None


def current_user(user: Any, backend: str, *, visible: bool) -> Any:
    """Return the user that a page would have as ``request.user``, or None if ``backend`` refuses ``user``.

    ``visible``: whether the default manager includes the user. A backend that overrides ``get_user`` is asked, which
    may cost a query.
    """
    if backend == NO_BACKEND:
        return user if visible and getattr(user, "is_active", True) else None
    loaded: Any = load_backend(backend)
    if getattr(type(loaded), "get_user", None) is ModelBackend.get_user:
        return user if visible and loaded.user_can_authenticate(user) else None
    return loaded.get_user(user.pk)


def _backends() -> Iterator[str]:
    yield from settings.AUTHENTICATION_BACKENDS
    yield NO_BACKEND


def _auth_hash(user: Any) -> str:
    """Return the hash that Django puts into the user's sessions. It is an empty string if the user model has none."""
    return user.get_session_auth_hash() if hasattr(user, "get_session_auth_hash") else ""


def _auth_hashes(user: Any) -> Iterator[str]:
    """Yield the session auth hashes that Django accepts for ``user``, with those of ``SECRET_KEY_FALLBACKS``."""
    yield _auth_hash(user)
    yield from getattr(user, "get_session_auth_fallback_hash", tuple)()


def _mark(auth_hash: str, backend: str, purpose: str) -> str:
    # The session auth hash is already keyed with SECRET_KEY. Another key would make marks invalid after a rotation.
    return hashlib.sha256(f"{purpose}\n{backend}\n{auth_hash}".encode()).hexdigest()
