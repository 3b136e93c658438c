"""Look up a connection in API Gateway."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Mapping, NamedTuple

from django.utils.dateparse import parse_datetime

from ..exceptions import AwsError
from .send import call_one
from .transport import GET, Target


class ConnectionInfo(NamedTuple):
    """AWS's information about an open connection. Times are aware."""

    connected_at: datetime
    last_active_at: datetime
    source_ip: str
    user_agent: str


def look_up(target: Target) -> ConnectionInfo:
    """Ask AWS about a connection. Raise ``ConnectionGone`` or another ``AwsError``."""
    answer = call_one(GET, target)
    try:
        identity: Mapping[str, Any] = answer.get("Identity", {})
        return ConnectionInfo(
            _time(answer["ConnectedAt"]),
            _time(answer["LastActiveAt"]),
            identity.get("SourceIp", ""),
            identity.get("UserAgent", ""),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AwsError(
            f"Could not {GET.describe(target)}: the answer does not come from API Gateway. Check the endpoint "
            f"{target.url}.",
            operation=GET.describe(target),
        ) from error


def _time(value: Any) -> datetime:
    """Parse a time from boto3, or from the JSON of an answer."""
    parsed = parse_datetime(value) if isinstance(value, str) else value
    if not isinstance(parsed, datetime):
        raise ValueError(f"{value!r} is not a time")
    return parsed
