"""The tables of a release and a row of each kind, written to files, and made again in an empty database."""

from __future__ import annotations

import io
import json

from django.apps import apps
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

LABEL = "django_aws_api_gateway_websockets"
#: What the rows refer to.
USERS = "auth_user"


def our_migrations(connection):
    loader = MigrationLoader(connection)
    plan = loader.graph.forwards_plan(next(key for key in loader.graph.leaf_nodes() if key[0] == LABEL))
    return [name for label, name in plan if label == LABEL]


def tables():
    """The names of the tables of our models. A table comes after those that it refers to."""
    models = apps.get_app_config(LABEL).get_models(include_auto_created=True)
    left = [model._meta for model in models if model._meta.managed and not model._meta.proxy]
    names = []
    while left:
        ready = [meta for meta in left if not any(_refers_to(field, left, meta) for field in meta.fields)]
        names += [meta.db_table for meta in ready]
        left = [meta for meta in left if meta not in ready]
    return names


def _refers_to(field, others, own):
    other = field.remote_field and field.remote_field.model._meta
    return other in others and other is not own


def record(alias, empty, folder):
    """Write what makes the tables of today, by the database `empty` of the same kind, and the rows of `alias`."""
    connection = connections[alias]
    names = our_migrations(connection)
    for name in names:
        out = io.StringIO()
        call_command("sqlmigrate", LABEL, name, database=empty, stdout=out, no_color=True)
        (folder / f"{name}.{kind(connection)}.sql").write_text(out.getvalue(), encoding="utf-8")
    rows = {table: read(connection, table) for table in [USERS, *tables()]}
    content = {"migrations": names, "rows": rows}
    text = json.dumps(content, indent=1, cls=DjangoJSONEncoder, ensure_ascii=False)
    (folder / f"rows.{kind(connection)}.json").write_text(f"{text}\n", encoding="utf-8")


def restore(alias, folder):
    """Make the tables and rows of `folder` in an empty database. Return the rows."""
    connection = connections[alias]
    content = json.loads((folder / f"rows.{kind(connection)}.json").read_text(encoding="utf-8"))
    for label in ("contenttypes", "auth"):
        call_command("migrate", label, database=alias, verbosity=0)
    MigrationRecorder(connection).ensure_schema()
    with connection.cursor() as cursor:
        for name in content["migrations"]:
            script = (folder / f"{name}.{kind(connection)}.sql").read_text(encoding="utf-8")
            for statement in connection.ops.prepare_sql_script(script):
                if statement.strip(" ;\n").upper() not in ("BEGIN", "COMMIT", ""):
                    # A percent sign in it is not a placeholder.
                    cursor.execute(statement)
            MigrationRecorder(connection).record_applied(LABEL, name)
        for table, rows in content["rows"].items():
            for row in rows:
                write(connection, cursor, table, row)
    return content["rows"]


def kind(connection):
    return "mariadb" if connection.vendor == "mysql" else connection.vendor


def read(connection, table):
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {quote(table)} ORDER BY {quote('id')}")
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, map(plain, row))) for row in cursor.fetchall()]


def plain(value):
    """A value as JSON has it, and as each database takes it back."""
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def write(connection, cursor, table, row):
    quote = connection.ops.quote_name
    columns, places = ", ".join(map(quote, row)), ", ".join(["%s"] * len(row))
    cursor.execute(f"INSERT INTO {quote(table)} ({columns}) VALUES ({places})", list(row.values()))
