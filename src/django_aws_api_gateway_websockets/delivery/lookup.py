"""What API Gateway knows of a connection."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Mapping, NamedTuple

from .boto import call_by_boto3
from .transport import GET, Target, in_process


class ConnectionInfo(NamedTuple):
    """AWS's view of an open connection; times are aware."""

    connected_at: datetime
    last_active_at: datetime
    source_ip: str
    user_agent: str


def look_up(target: Target) -> ConnectionInfo:
    """Ask AWS about a connection. Raise ``ConnectionGone`` or another ``AwsError``."""
    gateway = in_process.get(target.url)
    answer: Mapping[str, Any] = gateway(target, GET) if gateway else call_by_boto3(GET, target)
    identity = answer.get("Identity", {})
    return ConnectionInfo(
        answer["ConnectedAt"],
        answer["LastActiveAt"],
        identity.get("SourceIp", ""),
        identity.get("UserAgent", ""),
    )
