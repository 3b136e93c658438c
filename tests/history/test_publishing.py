"""What publish writes and sends: offsets in the order of commits, transactions, ids, users, limits."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, connection, connections, transaction
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_aws_api_gateway_websockets.exceptions import InvalidBody, MessageTooLarge
from django_aws_api_gateway_websockets.history import apublish, position, publish, retention
from django_aws_api_gateway_websockets.history.retention import trim
from django_aws_api_gateway_websockets.models import ChannelHistory, HistoryMessage, WaitingMessage
from django_aws_api_gateway_websockets.signals import message_delivered

from .conftest import in_a_thread

pytestmark = pytest.mark.django_db


class Rollback(Exception):
    pass


def offsets(channel="room-1"):
    rows = HistoryMessage.objects.filter(history__channel_name=channel).order_by("offset")
    return list(rows.values_list("offset", flat=True))


def texts(channel="room-1"):
    rows = HistoryMessage.objects.filter(history__channel_name=channel).order_by("offset")
    return [json.loads(body)["n"] if body else None for body in rows.values_list("body", flat=True)]


def leave_waiting(*numbers, channel="room-1"):
    """Leave messages as a process does that is killed between its commit and the numbering."""
    for number in numbers:
        body = json.dumps({"n": number})
        WaitingMessage.objects.create(channel_name=channel, body=body, size=len(body))


@pytest.mark.django_db(transaction=True)
def test_a_transaction_publishes_after_its_commit(enter, join):
    socket = enter()
    join(socket, room_1=None)
    with transaction.atomic():
        assert publish("room-1", {"n": 1}) is None
        publish("room-1", {"n": 2})
        assert socket.receive_nothing()
        assert not HistoryMessage.objects.exists()
    assert [frame["n"] for frame in socket.receive_all()] == [1, 2]
    assert (offsets(), WaitingMessage.objects.count()) == ([1, 2], 0)


@pytest.mark.django_db(transaction=True)
def test_a_rollback_publishes_nothing_and_leaves_no_hole(enter, join):
    with pytest.raises(Rollback), transaction.atomic():
        publish("room-1", {"n": 1})
        raise Rollback
    with transaction.atomic():
        with pytest.raises(Rollback), transaction.atomic():
            publish("room-1", {"n": 2})
            raise Rollback
        publish("room-1", {"n": 3})
    publish("room-1", {"n": 4})
    assert (offsets(), texts()) == ([1, 2], [3, 4])
    assert not WaitingMessage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_after_a_transaction_a_signal_brings_the_report(enter, join):
    socket, reports = enter(), []
    join(socket, room_1=None, lobby=None)
    message_delivered.connect(lambda report, **kwargs: reports.append(report), weak=False, dispatch_uid="t")
    try:
        with transaction.atomic():
            publish("room-1", {"n": 1})
            publish("lobby", {"n": 2})
    finally:
        message_delivered.disconnect(dispatch_uid="t")
    assert [(report.position, len(report.sent)) for report in reports] == [(position("room-1"), 1), ("", 1)]


def test_the_next_publish_sends_messages_that_a_crash_left(enter, join):
    socket = enter()
    join(socket, room_1=None)
    leave_waiting(1, 2)
    publish("room-1", {"n": 3})
    assert [frame["n"] for frame in socket.receive_all()] == [3, 1, 2]
    assert (offsets(), texts()) == ([1, 2, 3], [3, 1, 2])


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ends_after_its_commit_loses_nothing(enter, join):
    """The callback that would number the message does not run, as in a process that is killed at this moment."""
    socket = enter()
    join(socket, room_1=None)
    received = []
    for number in range(20):
        with pytest.raises(SystemExit), transaction.atomic():
            transaction.on_commit(sys.exit)
            publish("room-1", {"n": number})
        assert socket.receive_nothing()
        if number % 2:
            publish("room-1", {"n": -number})
            received += [frame["n"] for frame in socket.receive_all()]
    assert sorted(received) == sorted([*range(20), *range(-19, 0, 2)])
    assert offsets() == list(range(1, 31))


def test_the_clean_up_sends_messages_that_a_crash_left(enter, join, capsys):
    socket = enter()
    join(socket, room_1=None)
    leave_waiting(1, 2)
    leave_waiting(3, channel="room-2")
    call_command("clearWebSocketSessions")
    assert "Published 3 messages that a crash had left unpublished." in capsys.readouterr().out
    assert [frame["n"] for frame in socket.receive_all()] == [1, 2]
    assert offsets("room-2") == [1]


def test_a_push_that_fails_does_not_raise(gateway_client, join):
    socket = gateway_client.connect("/ws/")
    join(socket, room_1=None)
    gateway_client.slow_consumer(socket)
    report = publish("room-1", {"n": 1})
    assert (report.complete, report.position) == (False, position("room-1"))
    gateway_client.recover(socket)
    _, missed = join(socket, room_1="0:0:0")
    assert [entry["message"] for entry in missed["room-1"]["missed"]] == [{"n": 1}]


def broken(jobs):
    raise ConnectionError("The broker is down.")


def test_a_task_engine_that_is_down_does_not_raise(settings, enter, join, caplog):
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, "BACKGROUND": f"{__name__}.broken"}
    report = publish("room-1", {"n": 1}, background=True)
    assert (report.position, report.broadcast) == (position("room-1"), "")
    assert "did not accept a message" in caplog.text
    assert join(enter(), room_1="0:0:0")[1]["room-1"]["missed"][0]["message"] == {"n": 1}
    # Without a history, nobody would get the message.
    with pytest.raises(ConnectionError):
        publish("lobby", {"n": 1}, background=True)


def test_a_missing_task_engine_is_named_before_writing():
    with pytest.raises(ImproperlyConfigured, match="BACKGROUND"):
        publish("room-1", {"n": 1}, background=True)
    assert not HistoryMessage.objects.exists()


def test_an_id_is_published_once(enter, join):
    socket = enter()
    join(socket, room_1=None)
    first = publish("room-1", {"n": 1}, message_id="order-7")
    publish("room-1", {"n": 2})
    again = publish("room-1", {"n": 1}, message_id="order-7")
    assert (again.position, again.repeated, first.repeated) == (first.position, True, False)
    assert publish("room-2", {"n": 1}, message_id="order-7").repeated is False
    assert offsets() == [1, 2]
    (frame, _) = socket.receive_all()
    assert frame["_ws"]["id"] == "order-7"


@pytest.mark.django_db(transaction=True)
def test_a_repeated_id_leaves_no_lock_and_no_hole():
    first = publish("room-1", {"n": 1}, message_id="order-7")
    assert publish("room-1", {"n": 1}, message_id="order-7").position == first.position
    (report,) = in_a_thread(lambda: publish("room-1", {"n": 2}))
    assert (offsets(), report.position) == ([1, 2], position("room-1"))
    assert connection.get_autocommit()
    assert publish("room-1", {"n": 3}, message_id="order-8").repeated is False
    assert (offsets(), texts()) == ([1, 2, 3], [1, 2, 3])


@pytest.mark.django_db(transaction=True)
def test_an_id_is_published_once_by_transactions_too():
    publish("room-1", {"n": 1}, message_id="a")
    with transaction.atomic():
        for number, message_id in ((2, "a"), (3, "b"), (4, "b"), (5, None), (6, None)):
            publish("room-1", {"n": number}, message_id=message_id)
    assert (offsets(), texts()) == ([1, 2, 3, 4], [1, 3, 5, 6])


def test_messages_of_a_deleted_user_are_emptied(enter, join, alice, bob):
    since = publish("room-1", {"n": 1}).position
    publish("room-1", {"n": 2}, user=alice)
    at = publish("room-1", {"n": 3}, user=bob).position
    alice.delete()
    assert texts() == [1, None, 3]
    _, missed = join(enter(bob), room_1=since)
    assert [entry["message"] for entry in missed["room-1"]["missed"]] == [{"n": 3}]
    assert missed["room-1"]["at"] == at


def test_old_messages_are_deleted_by_the_clean_up(settings, enter, join, capsys):
    settings.WEBSOCKETS = {"HISTORY": {"room-*": {"seconds": 60}}}
    positions = [publish("room-1", {"n": number}).position for number in range(5)]
    publish("other", {"n": 1})
    HistoryMessage.objects.filter(offset__lte=3).update(created_on=timezone.now() - timedelta(seconds=61))
    call_command("clearWebSocketSessions")
    assert "Deleted 2 old messages from histories." in capsys.readouterr().out
    # A client that has seen the last of the old messages has missed nothing.
    assert offsets() == [3, 4, 5]
    assert "gap" in join(enter(), room_1=positions[1])[0]
    assert len(join(enter(), room_1=positions[2])[1]["room-1"]["missed"]) == 2
    settings.WEBSOCKETS = {}
    call_command("clearWebSocketSessions")
    assert not ChannelHistory.objects.exists()


def statements_of(work):
    """Return the statements of ``work``, except those that begin and end a transaction."""
    with CaptureQueriesContext(connection) as queries:
        work()
    return [one["sql"] for one in queries if one["sql"] not in ("BEGIN", "BEGIN IMMEDIATE", "COMMIT")]


@pytest.mark.django_db(transaction=True)
def test_publish_outside_of_transactions_runs_few_statements():
    publish("room-1", {"n": 1})
    own = 2 if connection.vendor == "sqlite" else 1
    assert len(statements_of(lambda: publish("room-1", {"n": 2}))) == own + 1  # One more reads the recipients.


def long_history(more):
    """Return a history with the offsets 1 and ``more``. All but the last ten messages are older than a minute."""
    publish("room-1", {"n": 1})
    history = ChannelHistory.objects.get()
    HistoryMessage.objects.bulk_create(
        HistoryMessage(history=history, offset=n, tag="t", body="{}", size=2) for n in more
    )
    HistoryMessage.objects.filter(offset__lte=more[-1] - 10).update(created_on=timezone.now() - timedelta(seconds=61))
    history.last_offset = more[-1]
    return history


@pytest.mark.parametrize(("limit", "statements"), [({"size": 10}, 2), ({"seconds": 60}, 3)])
def test_a_trim_deletes_500_messages_with_few_statements(settings, limit, statements):
    history = long_history(range(2, 703))
    settings.WEBSOCKETS = {"HISTORY": {"room-*": limit}}
    assert len(statements_of(lambda: trim(history, "default"))) == statements
    assert offsets() == list(range(501, 703))
    assert trim(history, "default") == 191
    assert (offsets()[0], trim(history, "default")) == (692, 0)


def test_a_history_with_a_large_hole_is_trimmed(settings):
    """Somebody has deleted messages after the oldest one."""
    history = long_history(range(1001, 1601))
    settings.WEBSOCKETS = {"HISTORY": {"room-*": {"seconds": 60}}}
    while trim(history, "default"):
        pass
    assert offsets() == list(range(1590, 1601))


def test_the_statements_of_publish(enter, join, django_assert_num_queries):
    publish("room-1", {"n": 1})
    own = 1 if connection.vendor == "postgresql" else 2 + 2  # and a savepoint, where it runs in a test
    recipients = 1
    with django_assert_num_queries(own + recipients + 2 * (connection.vendor == "postgresql")):
        publish("room-1", {"n": 2})


def test_publish_works_without_insert_returning(monkeypatch):
    """MySQL, and SQLite before 3.35."""
    if connection.vendor == "postgresql":
        pytest.skip("needs SQLite or MariaDB")
    monkeypatch.setattr(connection.features, "can_return_columns_from_insert", False)
    publish("room-1", {"n": 1})
    leave_waiting(2)
    at = publish("room-1", {"n": 3}).position
    assert at.split(":")[1] == "2"
    assert (offsets(), texts()) == ([1, 2, 3], [1, 3, 2])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("", {"n": 1}), InvalidBody),
        (("room-1", {}), TypeError),
        (("room-1", [1]), TypeError),
        (("room-1", {"_ws": {}}), ValueError),
        (("room-1", {"n": float("nan")}), ValueError),
        (("room-1", {"n": "\ud800"}), ValueError),
        (("room-1", {"n": "€" * 43_000}), MessageTooLarge),
    ],
)
def test_data_that_cannot_be_published_leaves_no_row(arguments, error):
    with pytest.raises(error):
        publish(*arguments)
    assert not ChannelHistory.objects.exists()


@pytest.mark.parametrize("look", [lambda name: publish(name, {"n": 1}), position], ids=["publish", "position"])
def test_a_misspelled_channel_is_in_the_debug_log(settings, caplog, look):
    caplog.set_level("DEBUG", "django_aws_api_gateway_websockets.history")
    look("room-1")
    assert caplog.messages == []
    look("romm-1")
    settings.WEBSOCKETS = {}
    look("room-1")
    assert caplog.messages == [
        "The channel 'romm-1' has no history. Patterns in WEBSOCKETS['HISTORY']: 'room-*'",
        "The channel 'room-1' has no history. Patterns in WEBSOCKETS['HISTORY']: none",
    ]
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


def render_position(name):
    return Template("{% load gateway_socket %}{% position name %}").render(Context({"name": name}))


@pytest.mark.parametrize("look", [lambda name: publish(name, {"n": 1}), position, render_position])
def test_a_misspelled_channel_is_one_warning_while_debugging(settings, caplog, monkeypatch, look):
    monkeypatch.setattr(retention, "_warned", set())
    settings.DEBUG = True
    for name in ("romm-1", "romm-1", "rom-2", "room-1"):
        look(name)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == [
        f"The channel '{name}' has no history. Patterns in WEBSOCKETS['HISTORY']: 'room-*'"
        for name in ("romm-1", "rom-2")
    ]


@pytest.mark.parametrize(
    "options", [{"exclude": "alice"}, {"user": "alice"}, {"message_id": ""}, {"message_id": "x" * 129}]
)
def test_wrong_options_of_publish_are_named(options):
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        publish("room-1", {"n": 1}, **options)


@pytest.mark.django_db(transaction=True)
def test_async_code_publishes(enter, join):
    socket = enter()
    join(socket, room_1=None)

    async def in_a_view():
        report = await apublish("room-1", {"n": 1})
        await sync_to_async(connections.close_all)()
        return report

    report = asyncio.run(in_a_view())
    assert socket.receive_json()["_ws"]["at"] == report.position


@pytest.mark.django_db(transaction=True)
def test_offsets_have_no_holes_and_follow_the_commits(settings):
    """Publishers in and out of transactions, with rollbacks: a reader never sees an offset before a lower one."""
    settings.WEBSOCKETS = {"HISTORY": {"room-*": {"size": 1000}}}
    done, seen, published = threading.Event(), {1: 0, 2: 0}, []

    def write(seed):
        chance = random.Random(seed)
        for number in range(25):
            names = ["room-1", "room-2"]
            chance.shuffle(names)  # Two channels in opposite order would deadlock if transactions locked them.
            try:
                if chance.random() < 0.5:
                    publish(names[0], {"n": number})
                    published.append(names[0])
                    continue
                with transaction.atomic():
                    for name in names:
                        publish(name, {"n": number})
                    if chance.random() < 0.3:
                        raise Rollback
                published.extend(names)
            except Rollback:
                pass

    def watch():
        while not done.is_set():
            for number in seen:
                found = offsets(f"room-{number}")
                assert found == list(range(1, len(found) + 1))
                assert len(found) >= seen[number]
                seen[number] = len(found)

    watcher = threading.Thread(target=lambda: (watch(), connections.close_all()))
    watcher.start()
    try:
        in_a_thread(*(lambda seed=seed: write(seed) for seed in range(8)))
    finally:
        done.set()
        watcher.join()
    for number in (1, 2):
        assert (
            offsets(f"room-{number}")
            == list(range(1, published.count(f"room-{number}") + 1))[-len(offsets(f"room-{number}")) :]
        )
    assert not WaitingMessage.objects.exists()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL: its snapshots notice other writers")
@pytest.mark.django_db(transaction=True)
def test_a_long_transaction_blocks_no_publisher_and_commits():
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert not ChannelHistory.objects.exists()  # The snapshot is older than the others' messages.
        publish("room-1", {"n": 1})
        for number in range(2, 5):
            in_a_thread(lambda number=number: publish("room-1", {"n": number}))
        publish("room-1", {"n": 5})
    assert (offsets(), texts()) == ([1, 2, 3, 4, 5], [2, 3, 4, 1, 5])


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="needs PostgreSQL or MariaDB: SQLite has one writer")
def test_publishers_with_repeatable_read_try_again(monkeypatch):
    level = "repeatable read"
    if connection.vendor == "postgresql":
        from django.db.backends.postgresql.psycopg_any import IsolationLevel

        level = IsolationLevel.REPEATABLE_READ
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "isolation_level", level)

    def write():
        for number in range(10):
            publish("room-1", {"n": number})

    in_a_thread(*[write] * 6)
    assert offsets() == list(range(1, 61))


@pytest.mark.skipif(connection.vendor != "mysql", reason="needs MariaDB: it publishes with one block of statements")
@pytest.mark.django_db(transaction=True)
def test_publish_raises_the_error_of_its_commit():
    publish("room-1", {"n": 1})
    other = connection.copy()
    with other.cursor() as holder, connection.cursor() as cursor:
        for stage in ("START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT"):
            holder.execute(f"BACKUP STAGE {stage}")
        cursor.execute("SET SESSION max_statement_time = 0.5")
        try:
            with pytest.raises(OperationalError, match="max_statement_time"):
                publish("room-1", {"n": 2})
        finally:
            holder.execute("BACKUP STAGE END")
            cursor.execute("SET SESSION max_statement_time = 0")
    other.close()
    assert publish("room-1", {"n": 3}).position.split(":")[1] == "2"
    assert (offsets(), texts()) == ([1, 2], [1, 3])
