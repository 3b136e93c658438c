"""The checks of a ``$connect`` before a row is written: origin, rate, and login."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, Sequence

from django.http import HttpRequest

from ..conf import conf
from ..events import GatewayEvent
from ..exceptions import OriginRefused, TokenRefused
from ..security.limits import CONNECTS_OF_ADDRESS, CONNECTS_OF_USER, REFUSED_ORIGINS, Limit, address_group, check_rate
from ..security.origins import check_origin
from .authority import backend_of_request, login_mark
from .browser_sessions import remember_browser, session_hash
from .speaker import set_user
from .tokens import QUERY_PARAMETER, redeem_token, take_token

__all__ = ["HandshakeLogin", "HandshakePolicy", "check_handshake", "check_page"]


class HandshakePolicy(Protocol):
    """The attributes of a view that control its handshakes. None means that the setting decides."""

    allowed_origins: Sequence[str] | None
    require_origin: bool | None
    require_token: bool


class HandshakeLogin(NamedTuple):
    """The login of a handshake, as a session row stores it. Both are empty for anonymous users without a session."""

    session_hash: str = ""
    mark: str = ""


def check_handshake(request: HttpRequest, event: GatewayEvent, policy: HandshakePolicy) -> HandshakeLogin:
    """Return the login of the handshake, or raise ``EventRefused``.

    With a connect token, ``request.user`` becomes the user that the token was made for. The token is removed from
    ``request``, even if the handshake is refused before the token is used.
    """
    token = take_token(request)
    _check_origin_and_address(request, event, policy)
    if token is not None:
        login = redeem_token(token)
        set_user(request, login.user)
        found, backend = login.session_hash, login.backend
    elif policy.require_token:
        raise TokenRefused(
            f"The handshake needs a connect token. Get one from WebSocketTokenView and add ?{QUERY_PARAMETER}=TOKEN."
        )
    else:
        _keep_session_key(request)
        # Read the user first, because Django may end the session while it looks up the user.
        backend = backend_of_request(request) if request.user.is_authenticated else ""
        found = session_hash(request)
        remember_browser(request)
    if not request.user.is_authenticated:
        return HandshakeLogin(found)
    check_rate(CONNECTS_OF_USER, str(request.user.pk))
    return HandshakeLogin(found, login_mark(request.user, backend))


def check_page(request: HttpRequest, event: GatewayEvent, policy: HandshakePolicy) -> None:
    """Make the same checks for a page that asks whether its handshake would be accepted, or raise ``EventRefused``.

    The page's login takes the place of the token that the page would get. The same limits count, so a page learns
    nothing more from the check.
    """
    _check_origin_and_address(request, event, policy)
    if request.user.is_authenticated:
        check_rate(CONNECTS_OF_USER, str(request.user.pk))
    elif policy.require_token:
        raise TokenRefused("Log in first.")


def _check_origin_and_address(request: HttpRequest, event: GatewayEvent, policy: HandshakePolicy) -> None:
    allowed = conf.ALLOWED_ORIGINS if policy.allowed_origins is None else policy.allowed_origins
    required = conf.REQUIRE_ORIGIN if policy.require_origin is None else policy.require_origin
    try:
        check_origin(request, allowed, required=required)
    except OriginRefused:
        _check_address(REFUSED_ORIGINS, event)
        raise
    _check_address(CONNECTS_OF_ADDRESS, event)


def _check_address(limit: Limit, event: GatewayEvent) -> None:
    if event.source_ip:
        check_rate(limit, address_group(event.source_ip))


def _keep_session_key(request: HttpRequest) -> None:
    """Keep Django from changing the session key, as it does at the first request after ``SECRET_KEY`` changed.

    The browser does not store a cookie from a handshake, so the user would be logged out.
    """
    session: Any = getattr(request, "session", None)
    if session is not None:
        session.cycle_key = lambda: None
