"""The command clearWebSocketSessions, meant for a scheduler."""

from __future__ import annotations

import io
import json
import re
import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_aws_api_gateway_websockets.models import ChannelMembership, ClosedReason, WebSocketSession

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def make(gateway):
    """``make(5, age=HOUR, connected=False, closed=…)``: rows of an age, closed some time ago."""
    numbers = iter(range(1_000_000))

    def make(count, age=HOUR, closed=None, connected=False):
        rows = WebSocketSession.objects.bulk_create(
            WebSocketSession(connection_id=f"{next(numbers)}=", api_gateway=gateway, connected=connected)
            for _ in range(count)
        )
        made = WebSocketSession.objects.filter(connection_id__in=[row.connection_id for row in rows[:500]])
        if count > 500:
            made = WebSocketSession.objects.all()
        now = timezone.now()
        made.update(created_on=now - age, updated_on=now - (age if closed is None else closed))
        return made

    return make


def clear(capsys, *options):
    call_command("clearWebSocketSessions", *options)
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize("count", [0, 1, 2, *(pytest.param(n, marks=pytest.mark.once) for n in (5_000, 5_001, 12_000))])
def test_closed_sessions_are_deleted(make, capsys, count):
    make(count)
    make(3, connected=True)
    plural = "" if count == 1 else "s"
    assert clear(capsys) == f"Deleted {count} closed WebSocket session{plural}."
    assert WebSocketSession.objects.count() == WebSocketSession.objects.filter(connected=True).count() == 3


@pytest.mark.parametrize(("age", "kept"), [(0, 1), (30, 1), (59, 1), (61, 0), (3600, 0)])
def test_sessions_younger_than_a_minute_are_kept(make, capsys, age, kept):
    make(1, age=timedelta(seconds=age))
    clear(capsys)
    assert WebSocketSession.objects.count() == kept


def test_a_connect_after_its_disconnect_is_still_refused(connect, alice, capsys):
    socket = connect(alice)
    WebSocketSession.objects.all()._raw_delete("default")  # as if the $connect had not been recorded yet
    socket.disconnect()
    clear(capsys)
    assert socket.repeat_connect(user=alice).status_code == 403
    assert not WebSocketSession.objects.filter(connected=True).exists()


@pytest.mark.parametrize(("minutes", "expired"), [(5, 0), (119, 0), (121, 1), (60 * 24 * 30, 1)])
def test_connections_older_than_two_hours_are_closed(make, capsys, minutes, expired):
    rows = make(1, age=timedelta(minutes=minutes), connected=True)
    said = clear(capsys)
    assert ("Closed 1 session older than two hours." in said) == bool(expired)
    row = rows.get()
    assert (row.connected, row.closed_reason) == ((False, ClosedReason.EXPIRED) if expired else (True, ""))
    clear(capsys)  # when it was closed just now, it is not deleted before it can be looked at
    assert rows.exists() == (not expired)


@pytest.mark.parametrize(
    ("option", "kept"), [("0s", 0), ("90s", 0), ("30m", 1), ("12h", 2), ("7d", 3), ("2w", 3), ("6w", 4)]
)
def test_older_than_keeps_what_was_closed_recently(make, capsys, option, kept):
    for closed in (timedelta(minutes=2), timedelta(hours=1), timedelta(days=3), timedelta(days=30)):
        make(1, age=timedelta(days=40), closed=closed)
    clear(capsys, "--older-than", option)
    assert WebSocketSession.objects.count() == kept


@pytest.mark.parametrize("option", ["7", "d", "-1d", "7 days", "1y", "", "99999999999d", "999999999w"])
def test_a_wrong_time_is_refused_and_shows_right_ones(option):
    with pytest.raises(CommandError, match="Write a number with a unit: 90s, 30m, 12h, 7d or 2w"):
        call_command("clearWebSocketSessions", f"--older-than={option}")


def test_a_dry_run_counts_and_changes_nothing(make, capsys):
    make(2)
    make(1, age=3 * HOUR, connected=True)
    before = list(WebSocketSession.objects.order_by("pk").values())
    said = "Would delete 2 closed WebSocket sessions and close 1 session older than two hours. Nothing was changed."
    assert clear(capsys, "--dry-run") == said
    assert list(WebSocketSession.objects.order_by("pk").values()) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_result_as_json(make, capsys, dry_run):
    make(2)
    make(1, age=3 * HOUR, connected=True)
    options = ["--format=json", *(["--dry-run"] if dry_run else [])]
    counts = dict.fromkeys(("forgotten", "asked", "swept", "unanswered", "published", "trimmed"), 0)
    assert json.loads(clear(capsys, *options)) == {"deleted": 2, "expired": 1, **counts, "dry_run": dry_run}


@pytest.mark.parametrize(("terminal", "shown"), [(True, "2 sessions looked at, 2 deleted"), (False, "")])
def test_progress_is_shown_on_a_terminal_only(make, capsys, terminal, shown):
    class Screen(io.StringIO):
        def isatty(self):
            return terminal

    make(2)
    screen = Screen()
    call_command("clearWebSocketSessions", "--format=json", stderr=screen)
    assert screen.getvalue().strip() == shown
    assert json.loads(capsys.readouterr().out)["deleted"] == 2


@pytest.mark.once
def test_no_statement_walks_over_what_was_deleted(make):
    make(12_000)
    with CaptureQueriesContext(connection) as queries:
        call_command("clearWebSocketSessions")
    deletions = [query["sql"] for query in queries.captured_queries if query["sql"].startswith("DELETE")]
    if connection.features.can_defer_constraint_checks:
        assert len(deletions) == 6  # Each window has one for session rows and one for memberships.
        assert all(re.search(r"\bid\W* >= \d+ AND .*\bid\W* <= \d+", sql) for sql in deletions)
    else:
        assert len(deletions) == 30  # Each 980 keys have one for memberships and one for session rows.
        assert all(" IN (" in sql for sql in deletions)


def test_memberships_go_with_deleted_rows_and_no_others(make, gateway):
    make(3)
    closed = WebSocketSession.objects.filter(connected=False)
    ChannelMembership.objects.bulk_create(
        ChannelMembership(session=row, channel_name=name, connected=False) for row in closed for name in ("a", "b")
    )
    kept = [WebSocketSession.objects.record(connection_id=f"kept{number}=", api_gateway=gateway) for number in range(2)]
    for row in kept:
        row.join_all(["a", "b"])
    WebSocketSession.objects.filter(connected=True).update(created_on=timezone.now() - HOUR)
    kept[1].mark_disconnected(ClosedReason.GONE)  # Its client may still send a message.
    call_command("clearWebSocketSessions")
    rows = ChannelMembership.objects.values_list("session", "channel_name")
    assert set(rows) == {(row.pk, name) for row in kept for name in ("a", "b")}


@pytest.mark.django_db(transaction=True)
def test_two_clean_ups_at_once_delete_each_row_once(make, gateway):
    make(20_000)
    make(400, age=3 * HOUR, connected=True)
    results, errors = [], []

    def run():
        try:
            results.append(WebSocketSession.objects.clear_closed().deleted)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        # Meanwhile sockets come and go.
        session = WebSocketSession.objects.record(connection_id=f"new{timezone.now().timestamp()}", api_gateway=gateway)
        session.mark_disconnected(ClosedReason.CLIENT)
    assert errors == []
    assert sum(results) == 20_000
    assert not WebSocketSession.objects.filter(connected=True).exists()


@pytest.mark.django_db(transaction=True)
def test_no_deadlock_with_rows_closed_in_another_order(make):
    """Somebody closes rows from the newest to the oldest, and the clean-up from the oldest to the newest."""
    make(10, age=3 * HOUR, connected=True)
    newest, *others = WebSocketSession.objects.order_by("-pk")
    errors = []

    def run():
        try:
            WebSocketSession.objects.clear_closed()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        newest.mark_disconnected(ClosedReason.LOGOUT)
        thread.start()
        thread.join(timeout=2)  # it has ended, or waits
        for session in others:
            session.mark_disconnected(ClosedReason.LOGOUT)
    thread.join()
    assert errors == []
    assert not WebSocketSession.objects.filter(connected=True).exists()
