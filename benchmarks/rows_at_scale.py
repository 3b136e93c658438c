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
from datetime import timedelta
from pathlib import Path

import django

from .scale_database import BUSY_USER, MEMBERSHIPS, database, execute, fill, is_postgresql


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
    from django_aws_api_gateway_websockets.models import ChannelMembership, WebSocketSession

    for what, model, count in (
        ("session", WebSocketSession, rows),
        ("membership", ChannelMembership, rows * MEMBERSHIPS),
    ):
        heap, indexes = bytes_of(model._meta.db_table)
        report(f"table, per {what}", f"{heap / count:,.0f} bytes")
        report(f"indexes beside the table, per {what}", f"{indexes / count:,.0f} bytes")


def bytes_of(table):
    """Return the bytes of a table and of its indexes."""
    if is_postgresql():
        return execute(f"SELECT pg_table_size('{table}'), pg_indexes_size('{table}')")[0]
    return execute(
        "SELECT data_length, index_length FROM information_schema.tables WHERE table_schema = DATABASE() "
        f"AND table_name = '{table}'"
    )[0]


def wal(count=10_000):
    """Measure what a connect, a join and a disconnect write, each in its own transaction."""
    from django.contrib.auth import get_user_model

    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

    gateway, users = ApiGateway.objects.get(), list(get_user_model().objects.all()[:count])
    execute("SET synchronous_commit TO off")  # faster, and writes the same amount of WAL
    for who in ("logged in", "anonymous"):
        execute("CHECKPOINT")
        position = lsn()
        opened = []
        for number in range(count):
            digest = hashlib.sha256(f"{who}{number}".encode()).hexdigest()
            values = {"connection_id": f"{digest[:15]}=", "channel_name": f"Room {number % 1000}"}
            if who == "logged in":
                values.update(user=users[number % len(users)], session_key_hash=digest, session_auth_hash=digest)
            opened.append(WebSocketSession.objects.record(api_gateway=gateway, **values))
        report(f"WAL of a connect, {who}", f"{(lsn() - position) / count / 1024:.1f} KB")
        position = lsn()
        for session in opened[::2]:
            session.mark_disconnected("client")
        report(f"WAL of its disconnect, {who}", f"{(lsn() - position) / count * 2 / 1024:.1f} KB")
        position = lsn()
        for number, session in enumerate(opened[1::2]):
            session.join(f"Group {number % 5000}")
        report(f"WAL of a join, {who}", f"{(lsn() - position) / count * 2 / 1024:.1f} KB")
        position = lsn()
        for session in opened[1::2]:
            session.mark_disconnected("client")
        report(
            f"WAL of its disconnect with one joined channel, {who}", f"{(lsn() - position) / count * 2 / 1024:.1f} KB"
        )


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
    users = get_user_model().objects.filter(username__in=[f"user{number}" for number in range(10)])
    of_users = rows.for_user(users).open()
    report("connections of a queryset of 10 users", milliseconds(lambda: list(of_users.all())))
    channels()
    report("connections of a login", milliseconds(lambda: list(rows.filter(session_key_hash=login, connected=True))))
    user = get_user_model().objects.filter(username="user5")
    report("deletion of a user with about 100 rows", milliseconds(lambda: rolled_back(user.get().delete)))


def channels(count=1_000):
    from django_aws_api_gateway_websockets.models import WebSocketSession
    from django_aws_api_gateway_websockets.models.recipients import open_rows

    rows = WebSocketSession.objects
    everyone = rows.in_channel("Everyone")
    members = everyone.count()
    took = milliseconds(lambda: list(open_rows(everyone)))
    each = float(took.split()[0].replace(",", "")) * 1000 / members
    report(
        f"in_channel of {members:,} open and {rows.count() - members:,} closed connections",
        f"{took}, {each:.1f} µs per row",
    )
    few = rows.in_channel("Group 71")
    report(f"in_channel of {few.count()} open connections", milliseconds(lambda: list(open_rows(few))))
    joining = list(rows.open()[:count])
    took = milliseconds(lambda: [session.join("New") for session in joining], 1)
    report(f"{count:,} joins, each in its own transaction", took)
    report(f"{count:,} leaves", milliseconds(lambda: [session.leave("New") for session in joining], 1))


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
    live = f"{base}/websocketsession/live/"
    report("admin: Live", milliseconds(lambda: client.get(live), 3))
    for name, query in (
        ("the list", ""),
        ("the list, page 50", "?p=50"),
        ("connected ones", "?connected__exact=1"),
        ("search by user", "?q=user77"),
        ("search by channel", "?q=Room+77"),
        ("search by joined channel", "?q=Group+71"),
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
    assert not WebSocketSession.objects.filter(connected=False).exists()
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
    kind, memberships = os.environ["TEST_DATABASE"], options.rows * MEMBERSHIPS
    print(f"## {options.rows:,} session rows and {memberships:,} memberships on {kind}\n")
    print("| what | figure |\n|---|--:|")
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
