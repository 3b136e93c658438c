"""What a view records of a connection: a row when it opens, and its end."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from .channels import ChannelsMixin
from .events import GatewayEvent
from .exceptions import UnknownConnection
from .models import ApiGateway, ClosedReason, WebSocketSession
from .security.authority import auth_hash
from .security.ended import has_ended


class ConnectionsMixin(ChannelsMixin):
    """The part of ``WebSocketView`` that handles ``$connect`` and ``$disconnect``."""

    event: GatewayEvent
    _session_key_hash: str

    def connect(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase | None:
        """Record the connection, its user, its gateway and its channel. Overriding it, call ``super()``."""
        gateway = self.api_gateway
        assert gateway is not None  # noqa: S101  _receive_connect set it
        user = request.user if request.user.is_authenticated else None
        channel_name = self.get_channel_name(request)
        self._check_may_join(request, channel_name)
        session = WebSocketSession.objects.open(
            connection_id=self.event.connection_id,
            channel_name=channel_name,
            user=user,
            api_gateway=gateway,
            session_key_hash=self._session_key_hash,
            session_auth_hash=auth_hash(user) if user else "",
        )
        if not session.connected or (session.user_id, session.api_gateway_id) != (
            user and user.pk,
            gateway.pk,
        ):
            raise UnknownConnection(f"The connection {session.connection_id} was opened before, or is closed already.")
        self.websocket_session = session
        # Only now: a logout from here on finds the row.
        if has_ended(self._session_key_hash, user, since=self.event.received_at):
            raise UnknownConnection("The login under which the connection was opened has ended.")
        return None

    def disconnect(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase | None:
        """Mark the connection as closed. Overriding it, call ``super()``."""
        if self.websocket_session is not None:
            self.websocket_session.mark_disconnected(ClosedReason.CLIENT)
        else:
            self._record_closed()
        return None

    def _record_closed(self) -> None:
        """A ``$disconnect`` may overtake its ``$connect``: the row tells the latter that it came too late."""
        gateway = ApiGateway.objects.filter(api_id=self.event.api_id).first()
        if gateway is not None:
            session = WebSocketSession.objects.open(
                connection_id=self.event.connection_id,
                api_gateway=gateway,
                connected=False,
                closed_reason=ClosedReason.CLIENT,
            )
            if session.connected and session.api_gateway_id == gateway.pk:
                # The $connect wrote its row between our look and our write.
                session.mark_disconnected(ClosedReason.CLIENT)
