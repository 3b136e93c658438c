"""The recipients of a queryset, streamed: connection ids with the URL that serves each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator

from ..exceptions import GatewayNotCreated, WebSocketsError
from .health import Endpoints
from .transport import Target

if TYPE_CHECKING:
    from ..models import WebSocketSessionQuerySet

# Rows of one query: small first, so that sends start at once; large then, so that there are few queries.
_FIRST_CHUNK, _LARGEST_CHUNK = 1_000, 20_000


def stream(sessions: WebSocketSessionQuerySet, endpoints: Endpoints) -> Iterator[Target]:
    """Each connected row of ``sessions`` once, in the order of the primary key.

    By key ranges, not by a cursor: PyMySQL and pgbouncer would hold a million rows in memory, and rows are
    closed while others are still being read.
    """
    urls: dict[int, str] = {}
    for _, connection_id, gateway_id in rows(sessions):
        if gateway_id not in urls:
            urls[gateway_id] = _connections_url(sessions, gateway_id, endpoints)
        yield Target(connection_id, urls[gateway_id])


def rows(sessions: WebSocketSessionQuerySet) -> Iterator[tuple[int, str, int]]:
    """Primary key, connection id and gateway of each connected row."""
    if sessions.query.distinct_fields:  # DISTINCT ON wants an order of its own
        sessions = sessions.model.objects.using(sessions.db).filter(pk__in=sessions.values("pk"))
    if not sessions.query.standard_ordering:  # a reverse() would turn order_by() round, too
        sessions = sessions.reverse()
    connected = sessions.filter(connected=True).order_by("pk").values_list("pk", "connection_id", "api_gateway_id")
    last, size = None, _FIRST_CHUNK
    while True:
        chunk = list((connected if last is None else connected.filter(pk__gt=last))[:size])
        for row in chunk:
            if row[0] != last:  # a join may repeat a row
                last = row[0]
                yield row
        if len(chunk) < size:
            return
        size = min(size * 2, _LARGEST_CHUNK)


def _connections_url(sessions: WebSocketSessionQuerySet, gateway_id: int, endpoints: Endpoints) -> str:
    from ..models import ApiGateway

    gateway = ApiGateway.objects.using(sessions.db).filter(pk=gateway_id).first()
    try:
        if gateway is None:
            raise GatewayNotCreated(f"The gateway {gateway_id} was deleted while a message was being sent through it.")
        return gateway.connections_url
    except WebSocketsError as error:
        url = f"gateway {gateway_id}"
        endpoints.gives_up(url, error)
        return url
