"""A queryset of sessions as ``delivery`` needs it: a stream of targets, and a callback for gone connections."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Iterator

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils import timezone

from ..delivery.transport import Target
from ..exceptions import GatewayNotCreated, WebSocketsError
from .batches import ROWS_PER_STATEMENT, batches
from .gateways import ApiGateway
from .memberships import ChannelKeys
from .rows import ClosedReason, SessionRows, oldest_open

# API Gateway answers 410 while $connect is still running, so a row this young stays open.
FRESH = timedelta(seconds=10)
# Rows of the first query, and of each further query. The first query is small, so that sends start at once.
_FIRST_CHUNK, _LARGER_CHUNK = 1_000, 20_000
_COLUMNS = ("pk", "connection_id", "api_gateway_id", "stage_name")


class ConnectionsUrls:
    """The URLs of the stages. A gateway's row is read once per stage, from the database ``using``."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._found: dict[tuple[int, str], tuple[str, WebSocketsError | None]] = {}

    def target(self, connection_id: str, gateway_id: int, stage: str) -> Target:
        """Return the target for a connection. It carries a problem if the gateway has no URL."""
        key = (gateway_id, stage)
        found = self._found.get(key) or self._found.setdefault(key, self._find(gateway_id, stage))
        return Target(connection_id, found[0], found[1])

    def _find(self, gateway_id: int, stage: str) -> tuple[str, WebSocketsError | None]:
        gateway = ApiGateway.objects.using(self._using).filter(pk=gateway_id).first()
        try:
            if gateway is None:
                raise GatewayNotCreated(f"The gateway {gateway_id} was deleted, so nothing can be sent through it.")
            return connections_url(gateway, stage), None
        except WebSocketsError as error:
            return f"gateway {gateway_id}, stage {stage}", error


def connections_url(gateway: ApiGateway, stage: str) -> str:
    """Return the URL of ``stage``. Raise ``WebSocketsError`` if the gateway's row does not give one."""
    try:
        return gateway.connections_url_for(stage)
    except ValueError as error:
        raise GatewayNotCreated(f"The gateway {gateway.api_name!r} cannot be sent through: {error}.") from error


def targets_of(sessions: SessionRows[Any]) -> Iterator[Target]:
    """Yield a target for each open row of ``sessions``, in the order of the primary key."""
    urls = ConnectionsUrls(sessions.db)
    # Most recipients share a stage with the previous one, and this runs for each of them.
    place: tuple[int, str] | None = None
    url, problem = "", None
    for _, connection_id, gateway_id, stage in open_rows(sessions):
        if place != (gateway_id, stage):
            place = (gateway_id, stage)
            _, url, problem = urls.target(connection_id, gateway_id, stage)
        yield Target(connection_id, url, problem)


def open_rows(sessions: SessionRows[Any], *more: str) -> Iterator[tuple[Any, ...]]:
    """Yield the primary key, connection id, gateway, stage and ``more`` columns of each open row once.

    Connected rows that are older than two hours are closed and left out, because AWS has ended their connections.

    Rows are read by ranges of the key, not by a cursor. With a cursor, PyMySQL and pgbouncer would hold a million rows
    in memory. Also, rows are closed while others are still being read.
    """
    if sessions.query.distinct_fields:  # DISTINCT ON requires its own order
        sessions = sessions.model._default_manager.using(sessions.db).filter(pk__in=sessions.values("pk"))
    if not sessions.query.standard_ordering:  # order_by() would be reversed too
        sessions = sessions.reverse()
    # The database compares the times. In Python, parsing the time would take longer than reading all other columns.
    is_expired = ExpressionWrapper(Q(created_on__lte=oldest_open()), output_field=BooleanField())
    connected = sessions.filter(connected=True).order_by("pk").values_list(*_COLUMNS, *more, is_expired)
    last, size = None, _FIRST_CHUNK
    while True:
        chunk = list((connected if last is None else _after(connected, last))[:size])
        for batch in batches(row[0] for row in chunk if row[-1]):
            sessions.written().filter(pk__in=batch).mark_disconnected(ClosedReason.EXPIRED)
        for row in chunk:
            if row[0] != last:  # a join may repeat a row
                last = row[0]
                if not row[-1]:
                    yield row[:-1]
        if len(chunk) < size:
            return
        size = _LARGER_CHUNK


def _after(rows: QuerySet[Any], key: Any) -> QuerySet[Any]:
    """Return the rows with a greater primary key than ``key``."""
    rows = rows.filter(pk__gt=key)
    conditions: list[Any] = rows.query.where.children  # all of them must be true
    for number, condition in enumerate(conditions):
        keys = getattr(condition, "rhs", None)
        if isinstance(keys, ChannelKeys):
            # PostgreSQL would read all keys of the channel again for each chunk.
            conditions[number] = type(condition)(condition.lhs, keys.after(key))
    return rows


class GoneRows:
    """Closes the rows of connections that AWS reports as gone, with one UPDATE per batch."""

    def __init__(self, sessions: SessionRows[Any], reason: str = ClosedReason.GONE) -> None:
        self._rows, self._reason = sessions.written(), reason
        self.closed = 0
        self._ids: list[str] = []
        self._since: datetime | None = None

    def add(self, connection_id: str) -> None:
        """Close the row of ``connection_id`` with the next batch, unless the row is still fresh."""
        # A row that was fresh when AWS called it gone still counts as fresh when the batch is written.
        self._since = self._since or timezone.now()
        self._ids.append(connection_id)
        if len(self._ids) >= ROWS_PER_STATEMENT:
            self.flush()

    def flush(self) -> None:
        """Write the rest of the last batch."""
        if self._since is not None:
            gone = self._rows.filter(connection_id__in=self._ids, created_on__lte=self._since - FRESH)
            self.closed += gone.mark_disconnected(self._reason)
        self._ids, self._since = [], None
