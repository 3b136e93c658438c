"""What a view says of channels: which one a connection joins, and who may join it."""

from __future__ import annotations

from typing import Any, Sequence

from django.http import HttpRequest
from django.utils import timezone

from .exceptions import ChannelRefused, UnknownConnection
from .models import ApiGateway, WebSocketSession
from .security.channels import Rule, check_channel_name, may_join


class ChannelsMixin:
    """The part of ``WebSocketView`` that is about channels."""

    #: Who may join which channel; None: everyone may join everything.
    channel_rules: Sequence[Rule] | None = None
    #: True: whether a user may be in their channel is asked for every message, not only on joining.
    recheck_channel = False

    api_gateway: ApiGateway | None
    websocket_session: WebSocketSession | None

    def get_channel_name(self, request: HttpRequest) -> str:
        """The channel of a new connection: the query parameter ``channel``, else the gateway's default."""
        default = self.api_gateway.default_channel_name if self.api_gateway else ""
        return request.GET.get("channel", "").strip() or default.strip()

    def can_join(self, request: HttpRequest, channel_name: str) -> bool:
        """Whether ``request.user`` may join the channel: asked on connect, and by ``join_channel``."""
        return may_join(self.channel_rules, request.user, channel_name)

    def join_channel(self, request: HttpRequest, channel_name: Any) -> None:
        """Move this connection to another channel, or with an empty name out of any.

        What a client sent may be passed on as it is: raises ``InvalidBody`` for what can be no channel's name,
        ``ChannelRefused`` where the user may not join, ``UnknownConnection`` where the row is gone by now.
        """
        self._check_may_join(request, channel_name)
        session = self.websocket_session
        assert session is not None  # noqa: S101  handlers run with one
        # Not save(), which raises where the row has been deleted meanwhile.
        if not session.own_row.update(channel_name=channel_name, updated_on=timezone.now()):
            raise UnknownConnection(f"The connection {session.connection_id} is gone.")
        session.channel_name = channel_name

    def _check_may_join(self, request: HttpRequest, channel_name: Any) -> None:
        check_channel_name(channel_name)
        if channel_name and not self.can_join(request, channel_name):
            raise ChannelRefused(f"You may not join the channel {channel_name!r}.")

    def _check_may_stay(self, request: HttpRequest, session: WebSocketSession) -> None:
        if self.recheck_channel and session.channel_name and not self.can_join(request, session.channel_name):
            raise ChannelRefused(f"You may no longer be in the channel {session.channel_name!r}.")
