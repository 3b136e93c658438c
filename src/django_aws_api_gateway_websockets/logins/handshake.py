"""Everything that a ``$connect`` must show before a row is written: how often, from which page, as whom."""

from __future__ import annotations

from typing import Any, Protocol, Sequence

from django.http import HttpRequest

from ..conf import conf
from ..events import GatewayEvent
from ..exceptions import TokenRefused
from ..security.limits import check_rate
from ..security.origins import check_origin
from .authority import session_key_hash
from .speaker import speak_as
from .tokens import QUERY_PARAMETER, redeem_token


class HandshakePolicy(Protocol):
    """What a view declares of its handshakes. None: what the setting says."""

    allowed_origins: Sequence[str] | None
    require_origin: bool | None
    require_token: bool


def check_handshake(request: HttpRequest, event: GatewayEvent, policy: HandshakePolicy) -> str:
    """Raise ``EventRefused``, or return the hash of the session that the socket is bound to.

    With a connect token, ``request.user`` is whoever it was made for.
    """
    if event.source_ip:
        check_rate("connects-ip", event.source_ip, conf.CONNECTS_PER_IP)
    allowed = conf.ALLOWED_ORIGINS if policy.allowed_origins is None else policy.allowed_origins
    required = conf.REQUIRE_ORIGIN if policy.require_origin is None else policy.require_origin
    check_origin(request, allowed, required=required)
    session_hash = _redeem_token(request, policy)
    if session_hash is None:
        _keep_session_key(request)
    if request.user.is_authenticated:
        check_rate("connects-user", str(request.user.pk), conf.CONNECTS_PER_USER)
    # Not before the user is known: to find out, Django may end the session.
    return session_key_hash(request) if session_hash is None else session_hash


def _redeem_token(request: HttpRequest, policy: HandshakePolicy) -> str | None:
    """The hash of the session in which the token was asked for; None where the cookie decides."""
    token = request.GET.get(QUERY_PARAMETER)
    if token is not None:
        login = redeem_token(token)
        speak_as(request, login.user)
        return login.session_key_hash
    if policy.require_token:
        raise TokenRefused(
            f"The handshake needs a connect token: ?{QUERY_PARAMETER}=TOKEN, one that WebSocketTokenView has given."
        )
    return None


def _keep_session_key(request: HttpRequest) -> None:
    """After a change of ``SECRET_KEY``, Django gives the session of a login another key, and the browser a cookie.

    But no cookie of a handshake reaches the browser: the user would be logged out.
    """
    session: Any = getattr(request, "session", None)
    if session is not None:
        session.cycle_key = lambda: None
