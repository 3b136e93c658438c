"""``make scale``: the cost of a session row, and the time of each query with a million rows, as Markdown.

``python -m benchmarks.rows_at_scale [--rows 1000000]``, with TEST_DATABASE=postgresql or mariadb. It creates its own
database and drops it. WAL is counted for the whole server, so stop all other writes meanwhile.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import django

BUSY_CLOSED, BUSY_USER = 0.5, 20_000  # of the channel "Busy", and of the user whose rows are nearly all closed
NAME = f"websockets_scale_{os.getpid()}"


@contextmanager
def database():
    """Create a new database, which the ORM uses until the end of the block."""
    from django.db import connection

    def use(name):
        connection.close()
        connection.settings_dict["NAME"] = name

    home = os.environ.get("PGDATABASE", "postgres") if is_postgresql() else "mysql"
    use(home)
    execute(f"CREATE DATABASE {NAME}")
    use(NAME)
    try:
        yield
    finally:
        use(home)
        execute(f"DROP DATABASE {NAME}")


def is_postgresql():
    from django.db import connection

    return connection.vendor == "postgresql"


def execute(sql, parameters=None):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else None


def fill(rows):
    """Make ``rows`` sessions. Half of them are closed ones of one channel; one in ten of the others is open."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

    call_command("migrate", verbosity=0)
    users = get_user_model()
    users.objects.bulk_create([users(username=f"user{n}") for n in range(10_000)], batch_size=1000)
    first = users.objects.earliest("pk").pk
    gateway = ApiGateway.objects.create(api_name="scale", target_base_endpoint="https://testserver/ws/")
    half = int(rows * BUSY_CLOSED)
    values = {
        "connection_id": "CONCAT(SUBSTR(MD5(CONCAT('id', g)), 1, 15), '=')",
        "channel_name": f"CASE WHEN g <= {half} THEN 'Busy' ELSE CONCAT('Room ', MOD(g, 1000)) END",
        "user_id": f"CASE WHEN g > {half} AND g <= {half + BUSY_USER} THEN {first} ELSE {first} + 1 + MOD(g, 9999) END",
        "api_gateway_id": str(gateway.pk),
        "connected": f"CASE WHEN g IN (1, {half + 1}) OR g > {half + BUSY_USER} AND MOD(g, 10) = 0 "
        "THEN TRUE ELSE FALSE END",
        "closed_reason": "'client'",
        "session_key_hash": "CONCAT(MD5(CONCAT('a', g)), MD5(CONCAT('b', g)))",
        "session_auth_hash": "CONCAT(MD5(CONCAT('c', g)), MD5(CONCAT('d', g)))",
        "stage_name": "'production'",
        **dict.fromkeys(("created_on", "updated_on", "last_activity_on"), "TIMESTAMP '2026-01-01 00:00:00'"),
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
    execute("VACUUM ANALYZE" if is_postgresql() else f"ANALYZE TABLE {WebSocketSession._meta.db_table}")


def report(question, figure):
    print(f"| {question} | {figure} |", flush=True)


def milliseconds(ask, times=5):
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        ask()
        best = min(best, time.perf_counter() - started)
    return f"{best * 1000:,.2f} ms"


def sizes(rows):
    from django_aws_api_gateway_websockets.models import WebSocketSession

    table = WebSocketSession._meta.db_table
    if is_postgresql():
        ((heap, indexes),) = execute(f"SELECT pg_table_size('{table}'), pg_indexes_size('{table}')")
    else:
        execute(f"ANALYZE TABLE {table}")
        ((heap, indexes),) = execute(
            "SELECT data_length, index_length FROM information_schema.tables WHERE table_schema = DATABASE() "
            f"AND table_name = '{table}'"
        )
    report("table", f"{heap / rows:,.0f} bytes per row")
    report("indexes beside the table", f"{indexes / rows:,.0f} bytes per row")


def wal(count=10_000):
    """Measure what a connect and a disconnect write, each in its own transaction."""
    from django.contrib.auth import get_user_model

    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

    gateway, users = ApiGateway.objects.get(), list(get_user_model().objects.all()[:count])
    for who in ("logged in", "anonymous"):
        execute("CHECKPOINT")
        position = lsn()
        opened = []
        for number in range(count):
            digest = hashlib.sha256(f"{who}{number}".encode()).hexdigest()
            values = {"connection_id": f"{digest[:15]}=", "channel_name": f"Room {number % 1000}"}
            if who == "logged in":
                values.update(user=users[number % len(users)], session_key_hash=digest, session_auth_hash=digest)
            opened.append(WebSocketSession.objects.open(api_gateway=gateway, **values))
        report(f"WAL of a connect, {who}", f"{(lsn() - position) / count / 1024:.1f} KB")
        position = lsn()
        for session in opened:
            session.mark_disconnected("client")
        report(f"WAL of its disconnect, {who}", f"{(lsn() - position) / count / 1024:.1f} KB")


def lsn():
    return int(execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")[0][0])


def questions():
    from django.contrib.auth import get_user_model

    from django_aws_api_gateway_websockets.models import WebSocketSession

    rows = WebSocketSession.objects
    busy = get_user_model().objects.earliest("pk")
    in_channel = rows.filter(channel_name="Busy", connected=True).order_by("pk")
    login = rows.filter(connected=True).first().session_key_hash
    report(
        "recipients of a channel with half of the rows, one of them open",
        milliseconds(lambda: list(in_channel.values_list("pk", "connection_id", "api_gateway_id")[:1000])),
    )
    online = rows.filter(user=busy, connected=True)
    report(f"is a user online who has {BUSY_USER:,} closed rows", milliseconds(lambda: online.exists()))
    report("connections of a login", milliseconds(lambda: list(rows.filter(session_key_hash=login, connected=True))))
    user = get_user_model().objects.filter(username="user5")
    report("deletion of a user with about 100 rows", milliseconds(lambda: rolled_back(user.get().delete)))


def rolled_back(act):
    from django.db import transaction

    with transaction.atomic():
        act()
        transaction.set_rollback(True)


def admin_pages():
    from django.contrib.auth import get_user_model
    from django.test import Client

    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", password="x"))
    base = "/admin/django_aws_api_gateway_websockets"
    one = WebSocketSession.objects.order_by("pk")[1000].connection_id
    for name, query in (
        ("the list", ""),
        ("the list, page 50", "?p=50"),
        ("connected ones", "?connected__exact=1"),
        ("search by user", "?q=user77"),
        ("search by channel", "?q=Room+77"),
        ("search by connection id", f"?q={one}"),
    ):
        report(f"admin: {name}", milliseconds(lambda query=query: client.get(f"{base}/websocketsession/{query}"), 3))
    busy = get_user_model().objects.earliest("pk").pk
    user_page = f"/admin/auth/user/{busy}/delete/"
    report(f"admin: delete a user with {BUSY_USER:,} sessions?", milliseconds(lambda: client.get(user_page), 1))
    page = f"{base}/apigateway/{ApiGateway.objects.get().pk}/delete/"
    memory = Memory()
    report("admin: delete this gateway?", f"{milliseconds(lambda: client.get(page), 1)}, {memory.grown}")


def clearsessions(count=5_000):
    from datetime import timedelta

    from django.contrib.sessions.models import Session
    from django.core.management import call_command
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils import timezone

    expired = timezone.now() - timedelta(days=1)
    Session.objects.bulk_create(
        [Session(session_key=f"{n:032}", session_data="", expire_date=expired) for n in range(count)]
    )
    with CaptureQueriesContext(connection) as queries:
        took = milliseconds(lambda: call_command("clearsessions"), 1)
    report(f"clearsessions with {count:,} expired sessions", f"{took}, {len(queries)} statements")


def clean_up(held):
    """The clean-up of every closed row; ``held``: while another transaction holds a snapshot."""
    from django.core.management import call_command
    from django.db import connection

    from django_aws_api_gateway_websockets.models import WebSocketSession

    other = hold_snapshot() if held else None
    slowest = [0.0]

    def watch(run, *arguments):
        started = time.perf_counter()
        try:
            return run(*arguments)
        finally:
            slowest[0] = max(slowest[0], time.perf_counter() - started)

    memory = Memory()
    with connection.execute_wrapper(watch), Path(os.devnull).open("w") as quiet:
        took = milliseconds(lambda: call_command("clearWebSocketSessions", stdout=quiet), 1)
    report(
        f"clean-up{' beside a held snapshot' if held else ''}",
        f"{took}, {memory.grown}, slowest statement {slowest[0] * 1000:,.0f} ms",
    )
    assert not WebSocketSession.objects.filter(connected=False).exclude(closed_reason="expired").exists()
    if other:
        other.close()


def hold_snapshot():
    from django.db import connection

    from django_aws_api_gateway_websockets.models import WebSocketSession

    other = connection.copy()
    with other.cursor() as cursor:
        if is_postgresql():
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        else:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute(f"SELECT 1 FROM {WebSocketSession._meta.db_table} LIMIT 1")
    return other


class Memory:
    """How much more memory this process had at its peak than at the beginning, in MB. Linux only."""

    def __init__(self):
        Path("/proc/self/clear_refs").write_text("5")  # reset the peak
        self.before = self.read("VmRSS")

    @staticmethod
    def read(name):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024

    @property
    def grown(self):
        return f"{self.read('VmHWM') - self.before:,.0f} MB"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ.setdefault("TEST_DATABASE", "postgresql")
    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    print(f"## {options.rows:,} session rows on {os.environ['TEST_DATABASE']}\n\n| what | figure |\n|---|--:|")
    for held in (False, True):
        with database():
            fill(options.rows)
            if not held:
                sizes(options.rows)
                questions()
                admin_pages()
                clearsessions()
            clean_up(held)
    if is_postgresql():
        with database():
            fill(options.rows)
            wal()


if __name__ == "__main__":
    sys.exit(main())
