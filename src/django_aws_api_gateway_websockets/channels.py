"""What a view says of channels: which one a connection joins, and who may join it."""

from __future__ import annotations

from typing import Sequence

from django.http import HttpRequest

from .exceptions import ChannelRefused
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
        name = request.GET.get("channel", "").strip()
        return name or (self.api_gateway.default_channel_name if self.api_gateway else "")

    def can_join(self, request: HttpRequest, channel_name: str) -> bool:
        """Whether ``request.user`` may join the channel: asked on connect, and by ``join_channel``."""
        return may_join(self.channel_rules, request.user, channel_name)

    def join_channel(self, request: HttpRequest, channel_name: str) -> None:
        """Move this connection to another channel, or with an empty name out of any; raises ``ChannelRefused``."""
        self._check_may_join(request, channel_name)
        session = self.websocket_session
        assert session is not None  # noqa: S101  handlers run with one
        session.channel_name = channel_name
        session.save(update_fields=["channel_name", "updated_on"])

    def _check_may_join(self, request: HttpRequest, channel_name: str) -> None:
        check_channel_name(channel_name)
        if channel_name and not self.can_join(request, channel_name):
            raise ChannelRefused(f"You may not join the channel {channel_name!r}.")

    def _check_may_stay(self, request: HttpRequest, session: WebSocketSession) -> None:
        if self.recheck_channel and session.channel_name and not self.can_join(request, session.channel_name):
            raise ChannelRefused(f"You may no longer be in the channel {session.channel_name!r}.")
