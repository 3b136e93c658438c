"""Detect the caller's transaction, and repeat short transactions after a conflict."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from django.db import OperationalError, connections, transaction

T = TypeVar("T")

_TRIES = 20
#: The codes of serialization failures and deadlocks: PostgreSQL's, and those of MySQL and MariaDB. The database has
#: rolled the transaction back.
_TRY_AGAIN = {"40001", "40P01", 1213, 1020}


def in_transaction(using: str) -> bool:
    """Return whether the caller is inside a transaction. The transactions of a ``TestCase`` do not count."""
    connection: Any = connections[using]
    blocks = getattr(connection, "atomic_blocks", [])
    return connection.in_atomic_block and not all(getattr(block, "_from_testcase", False) for block in blocks)


def after_transaction(using: str, function: Callable[[], object]) -> None:
    """Call ``function`` after the commit of the caller's transaction, or now if there is no transaction."""
    if in_transaction(using):
        transaction.on_commit(function, using=using)
    else:
        function()


def again_after_conflict(using: str, work: Callable[[], T]) -> T:
    """Run ``work``. Run it again if the database rolled it back because of another transaction."""
    for _ in range(_TRIES - 1):
        try:
            return work()
        except OperationalError as error:
            if connections[using].in_atomic_block or not _is_conflict(error):
                raise
    return work()


def _is_conflict(error: OperationalError) -> bool:
    cause: Any = error.__cause__
    code = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or (error.args or [None])[0]
    return code in _TRY_AGAIN
