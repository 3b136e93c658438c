"""Create the database of ``make scale``, fill it with sessions and memberships, and drop it after the run."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import timedelta

BUSY_CLOSED, BUSY_USER = 0.5, 20_000  # of the channel "Busy", and of the user whose rows are nearly all closed
MEMBERSHIPS = 5  # per session. Every session has joined the channel "Everyone".
NAME = f"websockets_scale_{os.getpid()}"


@contextmanager
def database(name=NAME):
    """Create a new database, which the ORM uses until the end of the block."""
    home = os.environ.get("PGDATABASE", "postgres") if is_postgresql() else "mysql"
    use(home)
    execute(f"CREATE DATABASE {name}")
    use(name)
    try:
        yield
    finally:
        use(home)
        execute(f"DROP DATABASE {name}")


def use(name):
    """Connect the ORM to the database ``name``."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def is_postgresql():
    from django.db import connection

    return connection.vendor == "postgresql"


def execute(sql, parameters=None):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else None


def fill(rows):
    """Make ``rows`` sessions. Half of them are closed and in one channel. One in ten of the others is open.

    The open ones are an hour old.
    """
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.utils import timezone

    from django_aws_api_gateway_websockets.models import ApiGateway, ChannelMembership, WebSocketSession

    call_command("migrate", verbosity=0)
    users = get_user_model()
    users.objects.bulk_create([users(username=f"user{n}") for n in range(10_000)], batch_size=1000)
    first = users.objects.earliest("pk").pk
    gateway = ApiGateway.objects.create(api_name="scale", target_base_endpoint="https://testserver/ws/")
    half = int(rows * BUSY_CLOSED)
    is_open = f"(g IN (1, {half + 1}) OR g > {half + BUSY_USER} AND MOD(g, 10) = 0)"
    an_hour_ago = (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")
    values = {
        "connection_id": "CONCAT(SUBSTR(MD5(CONCAT('id', g)), 1, 15), '=')",
        "channel_name": f"CASE WHEN g <= {half} THEN 'Busy' ELSE CONCAT('Room ', MOD(g, 1000)) END",
        "user_id": f"CASE WHEN g > {half} AND g <= {half + BUSY_USER} THEN {first} ELSE {first} + 1 + MOD(g, 9999) END",
        "api_gateway_id": str(gateway.pk),
        "connected": f"CASE WHEN {is_open} THEN TRUE ELSE FALSE END",
        "closed_reason": "'client'",
        "session_key_hash": "CONCAT(MD5(CONCAT('a', g)), MD5(CONCAT('b', g)))",
        "session_auth_hash": "CONCAT(MD5(CONCAT('c', g)), MD5(CONCAT('d', g)))",
        "stage_name": "'production'",
        **dict.fromkeys(
            ("created_on", "updated_on", "last_activity_on"),
            f"CASE WHEN {is_open} THEN TIMESTAMP '{an_hour_ago}' ELSE TIMESTAMP '2026-01-01 00:00:00' END",
        ),
    }
    fields = WebSocketSession._meta.concrete_fields
    # Columns that do not affect the figures stay empty.
    values.update({f.column: repr(f.get_default()) for f in fields if not f.primary_key and f.column not in values})
    columns = [field.column for field in fields if field.column in values]
    source = f"generate_series(1, {rows}) AS g" if is_postgresql() else f"(SELECT seq AS g FROM seq_1_to_{rows}) AS n"
    execute(
        f"INSERT INTO {WebSocketSession._meta.db_table} ({', '.join(columns)}) "
        f"SELECT {', '.join(values[column] for column in columns)} FROM {source} ORDER BY g"
    )
    join_channels()
    if is_postgresql():
        execute("VACUUM ANALYZE")
    else:
        for model in (WebSocketSession, ChannelMembership):
            execute(f"ANALYZE TABLE {model._meta.db_table}")


def join_channels():
    """Give each session ``MEMBERSHIPS`` memberships, one of them of the channel "Everyone"."""
    from django_aws_api_gateway_websockets.models import ChannelMembership, WebSocketSession

    name = "CASE WHEN n = 0 THEN 'Everyone' ELSE CONCAT('Group ', MOD(id * 7 + n, 5000)) END"
    numbers = " UNION ALL ".join(f"SELECT {number} AS n" for number in range(MEMBERSHIPS))
    execute(
        f"INSERT INTO {ChannelMembership._meta.db_table} (channel_name, connected, session_id) "
        f"SELECT {name}, connected, id FROM {WebSocketSession._meta.db_table}, ({numbers}) AS numbers ORDER BY id, n"
    )
