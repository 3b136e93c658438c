"""Permissions of a view and of its handlers. Both use the same three declarations."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .. import protocol
from ..exceptions import NotPermitted

__all__ = ["Requirements", "check_no_redirect", "check_permissions"]

_LOGIN_NEEDED = "Only logged-in users may do this."


class Requirements(Protocol):
    """The requirements that a view class or the declaration of a handler makes."""

    @property
    def login_required(self) -> bool: ...

    @property
    def permission_required(self) -> str | Iterable[str] | None: ...

    @property
    def permission_classes(self) -> Iterable[Any]: ...


def check_permissions(requirements: Requirements, request: HttpRequest, view: Any) -> None:
    """Raise ``NotPermitted`` unless ``request.user`` meets ``requirements``.

    Each of ``permission_classes`` is instantiated, and its ``has_permission(request, view)`` is called, as Django REST
    framework does.
    """
    user: Any = request.user
    if requirements.login_required and not user.is_authenticated:
        raise NotPermitted(f"{_LOGIN_NEEDED}{_why_anonymous(request)}")
    permissions = _as_tuple(requirements.permission_required)
    if permissions and not user.has_perms(permissions):
        raise NotPermitted(f"This needs the permission {', '.join(permissions)}.")
    for permission_class in _repeatable("permission_classes", requirements.permission_classes):
        permission = permission_class()
        if not permission.has_permission(request, view):
            raise NotPermitted(str(getattr(permission, "message", None) or "You may not do this."))


def _why_anonymous(request: HttpRequest) -> str:
    """Return how to fix a handshake without a login. For messages there is no advice, because they carry no cookie."""
    if request.headers.get(protocol.EVENT_TYPE_HEADER) != "CONNECT":
        return ""
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        return " The session of the cookie is not logged in: log in and connect again."
    page = urlsplit(request.headers.get("Origin", "")).hostname
    socket = urlsplit(f"//{request.headers.get(protocol.DOMAIN_NAME_HEADER, '')}").hostname
    if page and socket and page != socket:
        return (
            f" The handshake has no session cookie. The page is on {page}, and its socket on {socket}: use "
            "gateway.websocket_url_for(request), set SESSION_COOKIE_DOMAIN, or use a connect token."
        )
    return " The handshake has no session cookie: log in and connect again."


def _as_tuple(permissions: str | Iterable[str] | None) -> tuple[str, ...]:
    if permissions is None:
        return ()
    names = (permissions,) if isinstance(permissions, str) else tuple(_repeatable("permission_required", permissions))
    # An empty name would let everybody in if it were left out. A setting may be empty by mistake.
    if not all(names):
        raise ImproperlyConfigured(
            "permission_required has an empty name. Write a permission such as 'chat.view_room', or None for none."
        )
    return names


def _repeatable(option: str, values: Iterable[Any]) -> Iterable[Any]:
    """Return ``values``. Raise ``ImproperlyConfigured`` for a generator, which is empty from the second request on."""
    if isinstance(values, Iterator):
        raise ImproperlyConfigured(f"{option} is a {type(values).__name__}, which can be read only once. Write a list.")
    return values


def check_no_redirect(response: HttpResponseBase) -> None:
    """Raise ``NotPermitted`` if a decorator answered with a redirect, such as Django's redirect to the login page."""
    if 300 <= response.status_code < 400:
        raise NotPermitted(_LOGIN_NEEDED)
