"""Create the database of ``make scale``, fill it with sessions and memberships, and drop it after the run."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import timedelta

BUSY_CLOSED, BUSY_USER = (
    0.5,
    0.02,
)  # of all rows: in the channel "Busy", and of the user whose rows are nearly all closed
CROWD, THOUSAND = 10_000, 1_000  # open connections in two channels
MEMBERSHIPS = 5  # per session. Every session has joined the channel "Everyone".
NAME = f"websockets_scale_{os.getpid()}"


@contextmanager
def database(label="", template=None):
    """Create a new database, which the ORM uses until the end of the block. Yield its connection.

    ``template``: the connection to a database to copy, on PostgreSQL.
    """
    from django.db import connections

    home = connections["default"].copy()
    # On MariaDB, the settings can name a database that does not exist.
    home.settings_dict["NAME"] = os.environ.get("PGDATABASE", "postgres") if is_postgresql() else "mysql"
    use(home)
    if template:
        template.close()
    execute(f"CREATE DATABASE {NAME}{label}" + (f" TEMPLATE {template.settings_dict['NAME']}" if template else ""))
    made = home.copy()
    made.settings_dict["CONN_MAX_AGE"] = None  # requests would close it
    made.settings_dict["NAME"] = f"{NAME}{label}"
    use(made)
    try:
        yield made
    finally:
        made.close()
        use(home)
        execute(f"DROP DATABASE {NAME}{label}")


def use(made):
    """Let the ORM use the connection ``made`` in this thread."""
    from django.db import connections

    connections["default"] = made


def is_postgresql():
    from django.db import connection

    return connection.vendor == "postgresql"


def execute(sql, parameters=None):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else None


def bytes_of(table):
    """Return the bytes of a table and of its indexes."""
    if is_postgresql():
        return execute(f"SELECT pg_table_size('{table}'), pg_indexes_size('{table}')")[0]
    return execute(
        "SELECT data_length, index_length FROM information_schema.tables WHERE table_schema = DATABASE() "
        f"AND table_name = '{table}'"
    )[0]


def fill(rows):
    """Make ``rows`` sessions. Half of them are closed and in one channel. One in ten of the others is open.

    The open ones are an hour old.
    """
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.utils import timezone

    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

    call_command("migrate", verbosity=0)
    users = get_user_model()
    users.objects.bulk_create([users(username=f"user{n}") for n in range(10_000)], batch_size=1000)
    first = users.objects.earliest("pk").pk
    gateway = ApiGateway.objects.create(
        api_name="scale",
        target_base_endpoint="https://testserver/ws/",
        api_id="a1b2c3d4e5",
        api_created=True,
        api_endpoint="wss://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
    )
    half, busy = int(rows * BUSY_CLOSED), int(rows * BUSY_USER)
    is_open = f"(g IN (1, {half + 1}) OR g > {half + busy} AND MOD(g, 10) = 0)"
    an_hour_ago = (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")
    values = {
        "connection_id": "CONCAT(SUBSTR(MD5(CONCAT('id', g)), 1, 15), '=')",
        "channel_name": f"CASE WHEN g <= {half} THEN 'Busy' ELSE CONCAT('Room ', MOD(g, 1000)) END",
        "user_id": f"CASE WHEN g > {half} AND g <= {half + busy} THEN {first} ELSE {first} + 1 + MOD(g, 9999) END",
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
    analyze()


def add_crowd():
    """Add 10,000 open connections of all users. Half of them connected to the channel "Crowd", the others joined it.

    The first thousand are in the channel "Thousand" too.
    """
    from django.contrib.auth import get_user_model

    from django_aws_api_gateway_websockets.models import ApiGateway, ChannelMembership, WebSocketSession

    gateway, users = ApiGateway.objects.get(), list(get_user_model().objects.order_by("pk")[:CROWD])
    rows = WebSocketSession.objects.bulk_create(
        (
            WebSocketSession(
                connection_id=f"crowd{number}=",
                channel_name=("Crowd" if number % 2 else "Thousand" if number < THOUSAND else ""),
                user=users[number % len(users)],
                api_gateway=gateway,
                stage_name="production",
            )
            for number in range(CROWD)
        ),
        batch_size=1000,
    )
    if rows[0].pk is None:  # Older versions of Django return no keys on MariaDB.
        rows = list(WebSocketSession.objects.filter(connection_id__startswith="crowd").order_by("pk"))
    ChannelMembership.objects.bulk_create(
        (
            ChannelMembership(session=row, channel_name=name)
            for number, row in enumerate(rows)
            for name in (["Thousand"] if number % 2 and number < THOUSAND else []) + ([] if number % 2 else ["Crowd"])
        ),
        batch_size=1000,
    )
    analyze()


def analyze():
    from django_aws_api_gateway_websockets.models import ChannelMembership, WebSocketSession

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
