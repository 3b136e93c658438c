"""Rename the other package's tables, so that this package's tables can be created. The rows are kept.

Each step can be repeated, because MariaDB and MySQL keep what a migration did before it failed.
"""

from __future__ import annotations

import hashlib
from typing import Any

#: The prefixes of the tables of this app label, and of the kept tables.
OURS = "django_aws_api_gateway_websockets_"
KEPT = "former_websockets_"

#: The tables that the other package creates, without their prefix.
_THEIRS = (
    "apigateway",
    "apigatewayadditionalroute",
    "channelpermission",
    "channelpermissionrule",
    "channelpermissionrule_permissions",
    "connectionratelimit",
    "websocketsession",
    "websockettoken",
)
# 67 characters, which PostgreSQL and MariaDB do not allow. Django shortens the name and appends a hash.
_CUT = "channelpermissionrule_"


def set_aside(apps: Any, schema_editor: Any) -> None:
    """Rename the tables that another package left behind, so that this package's tables can be created.

    If an earlier run failed after it had created some of this package's tables, drop them, because nothing used them
    yet.
    """
    tables = _tables(schema_editor.connection)
    kept = {name for name in tables if name.startswith(KEPT)}
    found = {name: KEPT + _suffix(name) for name in tables if name.startswith(OURS)}
    theirs = {name: new for name, new in found.items() if new not in kept and _suffix(name) in _THEIRS}
    # Children first, because they reference the gateways' table.
    for name in sorted(found.keys() - theirs.keys(), key=len, reverse=True):
        _drop_empty(schema_editor, name)
    for name, new in theirs.items():
        _free_names(schema_editor, name)
        schema_editor.execute(
            schema_editor.sql_rename_table % {"old_table": _q(schema_editor, name), "new_table": _q(schema_editor, new)}
        )


def _tables(connection: Any) -> list[str]:
    with connection.cursor() as cursor:
        return [name for name in connection.introspection.table_names(cursor) if name.startswith((OURS, KEPT))]


def _suffix(name: str) -> str:
    suffix = name[len(OURS) :]
    return "channelpermissionrule_permissions" if suffix.startswith(_CUT) else suffix


def _drop_empty(schema_editor: Any, name: str) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {_q(schema_editor, name)}")  # noqa: S608  a name from the database
        (count,) = cursor.fetchone()
    if count:
        raise RuntimeError(
            f"The table {name} has {count} rows, and the migrations of this app have not made it. Rename or empty it, "
            "then run migrate again."
        )
    schema_editor.execute(schema_editor.sql_delete_table % {"table": _q(schema_editor, name)})


def _free_names(schema_editor: Any, table: str) -> None:
    """Rename indexes and constraints whose names this package needs. Databases do not allow a name twice."""
    connection = schema_editor.connection
    if connection.vendor == "sqlite":
        statement = "DROP INDEX {name}"
        names = _select(
            connection,
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = %s",
            table,
        )
    elif connection.vendor == "mysql":
        statement = "ALTER TABLE {table} DROP FOREIGN KEY {name}"
        names = _select(
            connection,
            "SELECT constraint_name FROM information_schema.table_constraints WHERE "
            "constraint_type = 'FOREIGN KEY' AND table_schema = DATABASE() "
            "AND table_name = %s",
            table,
        )
    else:
        statement = "ALTER INDEX {name} RENAME TO {new}"
        names = _select(
            connection,
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE i.indrelid = to_regclass(quote_ident(%s))",
            table,
        )
    for name in names:
        new = f"former_{hashlib.sha256(name.encode()).hexdigest()[:40]}"
        quoted = {"table": _q(schema_editor, table), "name": _q(schema_editor, name), "new": _q(schema_editor, new)}
        schema_editor.execute(statement.format(**quoted))


def _select(connection: Any, query: str, table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(query, [table])
        return [name for (name,) in cursor.fetchall()]


def _q(schema_editor: Any, name: str) -> str:
    return str(schema_editor.connection.ops.quote_name(name))
