"""``make scale``: what a row costs, and each statement with a thousand and with a million rows, as Markdown.

``python -m benchmarks.rows_at_scale [--rows 1000000]``, with TEST_DATABASE=postgresql or mariadb. It creates its own
databases and drops them. WAL is counted for the whole server, so stop all other writes to it.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import sys
from contextlib import ExitStack, contextmanager

import django

from .history_at_scale import histories
from .scale_clean_up import Memory, clean_up
from .scale_database import MEMBERSHIPS, bytes_of, database, execute, fill, is_postgresql, use
from .scale_questions import crowds, many_at_once, pages, points

SMALL = 1_000
PARTS = ("statements", "clean-up", "wal", "history")


def report(question, figure):
    print(f"| {question} | {figure} |", flush=True)


def table(*titles):
    print(f"\n| {' | '.join(titles)} |\n|---|{'--:|' * (len(titles) - 1)}", flush=True)


def sizes(rows):
    from django_aws_api_gateway_websockets.models import ChannelMembership, WebSocketSession

    for what, model, count in (
        ("session", WebSocketSession, rows),
        ("membership", ChannelMembership, rows * MEMBERSHIPS),
    ):
        heap, indexes = bytes_of(model._meta.db_table)
        report(f"table, per {what}", f"{heap / count:,.0f} bytes")
        report(f"indexes beside the table, per {what}", f"{indexes / count:,.0f} bytes")


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


def statements(rows):
    """Print all tables with one column for each database."""
    with database("_small") as small, database("_large") as large:
        for made, count in ((small, SMALL), (large, rows)):
            use(made)
            fill(count)
        table("what", "figure")
        sizes(rows)
        sides, columns = (small, large), (f"{SMALL:,} rows", f"{rows:,} rows", "ratio")
        table("statements of", *columns)
        points(sides)
        table("best time, and CPU of Python", *columns)
        crowds(sides)
        memory = Memory()
        pages(sides)
        print(f"\nThe admin's pages took {memory.grown:,.0f} MB more memory.")
        many_at_once(sides)
        use(large)


def clean_ups(filled):
    """Print the table of clean-ups. Each one has its own database."""
    table("clean-up", "time", "slowest statement", "memory", "connects: median, p99")
    for what, options in (
        ("all closed rows", {}),
        ("with a snapshot held open", {"held": True}),
        ("two at once", {"times": 2}),
    ):
        with filled.another():
            clean_up(what, **options)


class Filled:
    """Makes databases with ``rows`` rows. On PostgreSQL, it copies a template, and drops it at the end of the block."""

    def __init__(self, rows):
        self.rows, self.template, self.stack = rows, None, ExitStack()

    def __enter__(self):
        if is_postgresql():
            self.template = self.stack.enter_context(database("_template"))
            fill(self.rows)
        return self

    def __exit__(self, *error):
        self.stack.close()

    @contextmanager
    def another(self):
        with database("_copy", self.template):
            if not self.template:
                fill(self.rows)
            yield


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=PARTS, help="run one part")
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ.setdefault("TEST_DATABASE", "postgresql")
    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    settings.WEBSOCKETS = {"CONNECTS_PER_IP": None, "CONNECTS_PER_USER": None}
    logging.disable(logging.CRITICAL)  # the silent AWS
    kind, memberships = os.environ["TEST_DATABASE"], options.rows * MEMBERSHIPS
    print(f"## {options.rows:,} session rows and {memberships:,} memberships on {kind}")
    parts = [options.only] if options.only else PARTS
    if "statements" in parts:
        statements(options.rows)
    if {"clean-up", "wal"} & set(parts):
        with Filled(options.rows) as filled:
            if "clean-up" in parts:
                clean_ups(filled)
            if "wal" in parts and is_postgresql():
                with filled.another():
                    table("what", "figure")
                    wal()
    if "history" in parts:
        histories(options.rows)


if __name__ == "__main__":
    sys.exit(main())
