"""Give each message the next offset of its channel, in the order of the commits and without holes.

The row of the channel is a counter. A database sequence would not work, because transactions can commit in another
order than they take numbers from it. The counter is locked for one statement on PostgreSQL and MariaDB, and for a short
transaction on other databases.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache, partial
from string import Template
from typing import Any, Callable, NamedTuple, Sequence

from django.db import IntegrityError, connections, models, transaction
from django.db.models import F
from django.utils import timezone

from ..models import ChannelHistory, HistoryMessage, WaitingMessage
from .positions import Position, new_epoch, new_tag
from .transactions import again_after_conflict

#: The most waiting messages that one transaction numbers.
_AT_ONCE = 500
#: The columns that a message has before it gets its offset, in the order of the statements below.
_GIVEN = ("tag", "message_id", "user", "excluded", "body", "size", "created_on")


#: The SQL statements. A statement can contain earlier ones by name.
_TEMPLATES = {
    "count": "UPDATE $counter SET $counter_last_offset = $counter_last_offset + 1, $counter_last_tag = %s "
    "WHERE $counter_channel_name = %s",
    "exists": "EXISTS (SELECT 1 FROM $waiting WHERE $waiting_channel_name = %s)",
    "insert": "INSERT INTO $message ($message_history, $message_offset, $given) "
    "SELECT $counter_id, $counter_last_offset, $values FROM $counter WHERE $counter_channel_name = %s",
    "insert_returning": "$insert RETURNING $message_history, $message_offset, "
    "(SELECT $counter_epoch FROM $counter WHERE $counter_id = $message_history), $exists",
    "select": "SELECT $counter_id, $counter_last_offset, $counter_epoch, $exists FROM $counter "
    "WHERE $counter_channel_name = %s",
    "all": "WITH counted AS ($count RETURNING $counter_id, $counter_last_offset, $counter_epoch) "
    "INSERT INTO $message ($message_history, $message_offset, $given) "
    "SELECT $counter_id, $counter_last_offset, $values FROM counted "
    "RETURNING $message_history, $message_offset, (SELECT $counter_epoch FROM counted), $exists",
    # The lock is short, because MariaDB runs the whole transaction without waiting for the client.
    "block": "BEGIN NOT ATOMIC DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END; "
    "START TRANSACTION; $count; $insert_returning; COMMIT; END",
}
_TABLES = {"counter": ChannelHistory, "message": HistoryMessage, "waiting": WaitingMessage}


class NewMessage(NamedTuple):
    """A message that has no offset yet."""

    channel_name: str
    body: str
    message_id: str | None = None
    user_id: Any = None
    excluded: str = ""

    def fields(self) -> dict[str, Any]:
        """Return the values for the fields of ``StoredMessage``."""
        size = len(self.body.encode())
        own = {"message_id": self.message_id, "excluded": self.excluded, "body": self.body, "size": size}
        return {**own, "user_id": self.user_id, "created_on": timezone.now()}


class Numbered(NamedTuple):
    """A message with its position. ``others_wait``: other messages of the channel still wait for their offsets."""

    message: NewMessage
    history_id: int
    position: Position
    others_wait: bool = False
    #: The history already had a message with this id. ``position`` is the position of that message.
    repeated: bool = False


def number(message: NewMessage, using: str) -> Numbered:
    """Add ``message`` to the history of its channel. Call this only outside of a transaction."""
    try:
        return again_after_conflict(using, partial(_insert, message, using))
    except IntegrityError:
        earlier = _with_id(message, using)
        if earlier is None:
            raise
        place = Position(earlier.history.epoch, earlier.offset, earlier.tag)
        return Numbered(message, earlier.history_id, place, repeated=True)


def number_waiting(channel_name: str, using: str) -> list[Numbered]:
    """Number the messages of a channel whose transactions are committed. Return them in order.

    If two processes do this at the same time, only one of them numbers each message.
    """
    waiting = WaitingMessage.objects.using(using).filter(channel_name=channel_name)
    found: list[Numbered] = []
    while waiting.exists():
        found += again_after_conflict(using, partial(_move, waiting, channel_name, using))
    return found


def _with_id(message: NewMessage, using: str) -> HistoryMessage | None:
    if message.message_id is None:
        return None
    rows = HistoryMessage.objects.using(using).select_related("history")
    return rows.filter(history__channel_name=message.channel_name, message_id=message.message_id).first()


def _create_history(channel_name: str, using: str) -> None:
    """Create the counter of a channel, unless another process creates it at the same time."""
    history = ChannelHistory(channel_name=channel_name, epoch=new_epoch())
    ChannelHistory.objects.using(using).bulk_create([history], ignore_conflicts=True)


def _insert(message: NewMessage, using: str) -> Numbered:
    place = _insert_one(message, using)
    if place is None:
        _create_history(message.channel_name, using)
        place = _insert_one(message, using)
        if place is None:
            raise ChannelHistory.DoesNotExist(f"The history of {message.channel_name!r} was deleted meanwhile.")
    return place


def _insert_one(message: NewMessage, using: str) -> Numbered | None:
    """Increase the counter and insert the row. Return None if the channel has no counter yet."""
    connection: Any = connections[using]
    values = {"tag": new_tag(), **message.fields()}
    fields: list[Any] = [HistoryMessage._meta.get_field(name) for name in _GIVEN]
    given = [field.get_db_prep_save(values[field.attname], connection) for field in fields]
    row = _way(connection)(connection, message.channel_name, values["tag"], given)
    if row is None:
        return None
    history_id, offset, epoch, others_wait = row
    return Numbered(message, history_id, Position(epoch, offset, values["tag"]), bool(others_wait))


def _way(connection: Any) -> Callable[[Any, str, str, Sequence[Any]], Any]:
    """Return the function that numbers a message with the fewest statements on this database."""
    if connection.vendor == "postgresql":
        return _with_one_statement
    is_mariadb = connection.vendor == "mysql" and connection.mysql_is_mariadb
    # The block has its own transaction, so it cannot run inside the transaction of a TestCase.
    if is_mariadb and connection.features.can_return_columns_from_insert and connection.get_autocommit():
        return _with_block
    return _with_two_statements


def _with_one_statement(connection: Any, channel: str, tag: str, given: Sequence[Any]) -> Any:
    # In a TestCase, an error must not end the transaction of the test.
    with transaction.atomic(using=connection.alias) if connection.in_atomic_block else nullcontext():
        return _fetch(connection, _statements(connection.alias)["all"], [tag, channel, *given, channel])


def _with_block(connection: Any, channel: str, tag: str, given: Sequence[Any]) -> Any:
    sql = _statements(connection.alias)["block"]
    with connection.cursor() as cursor:
        cursor.execute(sql, [tag, channel, *given, channel, channel])
        row = cursor.fetchone()
        # The COMMIT has a result of its own. Read it here, because Django ignores errors while it closes a cursor.
        while cursor.nextset():
            pass
        return row


def _with_two_statements(connection: Any, channel: str, tag: str, given: Sequence[Any]) -> Any:
    sql = _statements(connection.alias)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(sql["count"], [tag, channel])
        if not cursor.rowcount:
            return None
        if connection.features.can_return_columns_from_insert:
            return _fetch(connection, sql["insert_returning"], [*given, channel, channel])
        cursor.execute(sql["insert"], [*given, channel])
        return _fetch(connection, sql["select"], [channel, channel])


def _fetch(connection: Any, sql: str, parameters: Sequence[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


@lru_cache(maxsize=8)
def _statements(alias: str) -> dict[str, str]:
    """Return the statements that number one message, in the SQL of the database ``alias``."""
    quote = connections[alias].ops.quote_name
    names = {
        f"{prefix}_{field.name}": quote(str(field.column))
        for prefix, model in _TABLES.items()
        for field in model._meta.concrete_fields
    }
    tables = {prefix: quote(model._meta.db_table) for prefix, model in _TABLES.items()}
    given = ", ".join(names[f"message_{name}"] for name in _GIVEN)
    values = ", ".join(["%s"] * len(_GIVEN))
    found: dict[str, str] = {}
    for name, text in _TEMPLATES.items():
        found[name] = Template(text).substitute(**names, **tables, **found, given=given, values=values)
    return found


def _move(waiting: models.QuerySet[WaitingMessage], channel_name: str, using: str) -> list[Numbered]:
    """Move waiting messages to the history, in one transaction. Other processes wait for the lock on the counter."""
    counters = ChannelHistory.objects.using(using).filter(channel_name=channel_name)
    with transaction.atomic(using=using):
        if not counters.update(last_offset=F("last_offset")):
            _create_history(channel_name, using)
            counters.update(last_offset=F("last_offset"))
        history = counters.get()
        rows = list(waiting.order_by("pk")[:_AT_ONCE])
        numbered = _numbered(history, _once(rows, history, using))
        if numbered:
            newest = numbered[-1].position
            counters.update(last_offset=newest.offset, last_tag=newest.tag)
            HistoryMessage.objects.using(using).bulk_create(_row(one) for one in numbered)
        waiting.filter(pk__in=[row.pk for row in rows]).delete()
    return numbered


def _once(rows: Sequence[WaitingMessage], history: ChannelHistory, using: str) -> list[WaitingMessage]:
    """Leave out rows whose message id is already in the history or in an earlier row."""
    ids = [row.message_id for row in rows if row.message_id is not None]
    known: set[str] = set()
    if ids:
        stored = HistoryMessage.objects.using(using).filter(history=history, message_id__in=ids)
        known = {str(one) for one in stored.values_list("message_id", flat=True)}
    kept = []
    for row in rows:
        if row.message_id not in known:
            kept.append(row)
        if row.message_id is not None:
            known.add(row.message_id)
    return kept


def _numbered(history: ChannelHistory, rows: Sequence[WaitingMessage]) -> list[Numbered]:
    return [
        Numbered(
            NewMessage(history.channel_name, row.body, row.message_id, row.user_id, row.excluded),
            history.pk,
            Position(history.epoch, offset, new_tag()),
        )
        for offset, row in enumerate(rows, history.last_offset + 1)
    ]


def _row(one: Numbered) -> HistoryMessage:
    place = {"history_id": one.history_id, "offset": one.position.offset, "tag": one.position.tag}
    return HistoryMessage(**place, **one.message.fields())
