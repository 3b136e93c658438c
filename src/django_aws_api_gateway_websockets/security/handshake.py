"""Everything that a ``$connect`` must show before a row is written: how often, from which page, as whom."""

from __future__ import annotations

from typing import Protocol, Sequence

from django.http import HttpRequest

from ..conf import conf
from ..events import GatewayEvent
from ..exceptions import TokenRefused
from .authority import session_key_hash
from .limits import check_rate
from .origins import check_origin
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
    session_hash = _identify(request, policy)
    if request.user.is_authenticated:
        check_rate("connects-user", str(request.user.pk), conf.CONNECTS_PER_USER)
    return session_hash


def _identify(request: HttpRequest, policy: HandshakePolicy) -> str:
    token = request.GET.get(QUERY_PARAMETER)
    if token is not None:
        login = redeem_token(token)
        speak_as(request, login.user)
        return login.session_key_hash
    if policy.require_token:
        raise TokenRefused(
            f"The handshake needs a connect token: ?{QUERY_PARAMETER}=TOKEN, one that WebSocketTokenView has given."
        )
    return session_key_hash(request)
