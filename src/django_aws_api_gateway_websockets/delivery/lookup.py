"""``session.check_connection()``: what API Gateway knows of a connection."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ..exceptions import ConnectionGone
from .boto import call_by_boto3
from .send import close_if_old
from .transport import GET, Target, in_process

if TYPE_CHECKING:
    from ..models import WebSocketSession


class ConnectionInfo(NamedTuple):
    """AWS's view of an open connection; times are aware."""

    connected_at: datetime
    last_active_at: datetime
    source_ip: str
    user_agent: str


def check_connection(session: WebSocketSession) -> ConnectionInfo | None:
    """Ask AWS about ``session``; None when the client has gone, which closes the row. Raises ``AwsError``."""
    target = Target(session.connection_id, session.api_gateway.connections_url)
    look_up = in_process.get(target.url)
    try:
        answer = look_up(target, GET) if look_up else call_by_boto3(GET, target)
    except ConnectionGone:
        close_if_old(session)
        return None
    identity = answer.get("Identity", {})
    return ConnectionInfo(
        answer["ConnectedAt"],
        answer["LastActiveAt"],
        identity.get("SourceIp", ""),
        identity.get("UserAgent", ""),
    )
