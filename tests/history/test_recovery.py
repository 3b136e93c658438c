"""What a client gets that joins with a position: what it missed, or a gap."""

from __future__ import annotations

import json
import threading

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from django_aws_api_gateway_websockets.history import position, publish
from django_aws_api_gateway_websockets.models import (
    ChannelHistory,
    ChannelMembership,
    HistoryMessage,
)

from .conftest import RoomsView, in_a_thread

pytestmark = pytest.mark.django_db


def say(first, last, channel="room-1", **options):
    """Publish messages with the numbers from ``first`` to ``last``. Return the position of the last one."""
    report = None
    for number in range(first, last + 1):
        report = publish(channel, {"n": number}, **options)
    return report.position


def numbers(frame):
    return [entry["message"]["n"] for entry in frame["missed"]]


def offset(at):
    return int(at.split(":")[1])


def test_everyone_in_the_channel_gets_a_message_and_its_position(enter, join):
    socket, outside = enter(), enter()
    reply, missed = join(socket, room_1=None)
    assert (reply["joined"], missed) == ({"room-1": "0:0:0"}, {})
    report = publish("room-1", {"text": "Hello"})
    assert list(report.sent) == [socket.session.connection_id]
    assert socket.receive_all() == [{"text": "Hello", "_ws": {"channel": "room-1", "at": report.position}}]
    assert report.position == position("room-1")
    assert outside.receive_nothing()


def test_a_join_with_a_position_brings_what_was_missed(enter, join):
    since = say(1, 3)
    at = say(4, 9)
    reply, missed = join(enter(), room_1=since)
    assert reply["joined"] == {"room-1": at}
    frame = missed["room-1"]
    assert numbers(frame) == [4, 5, 6, 7, 8, 9]
    assert [offset(entry["at"]) for entry in frame["missed"]] == [4, 5, 6, 7, 8, 9]
    assert (frame["since"], frame["at"], frame["more"]) == (since, at, False)


def test_no_frame_is_sent_if_no_message_was_missed(enter, join):
    at = say(1, 3)
    reply, missed = join(enter(), room_1=at)
    assert (reply["joined"], missed) == ({"room-1": at}, {})


def test_a_join_from_an_empty_channel_brings_all_messages(enter, join):
    assert position("room-1") == "0:0:0"
    say(1, 3)
    _, missed = join(enter(), room_1="0:0:0")
    assert numbers(missed["room-1"]) == [1, 2, 3]


def test_a_channel_without_history_keeps_nothing(enter, join):
    socket = enter()
    reply, missed = join(socket, lobby="e1:40:x")
    assert (reply["joined"], missed) == ({"lobby": None}, {})
    report = publish("lobby", {"n": 1}, message_id="m-1")
    assert socket.receive_all() == [{"n": 1, "_ws": {"channel": "lobby", "id": "m-1"}}]
    assert (report.position, len(report.sent), position("lobby")) == ("", 1, None)
    assert not ChannelHistory.objects.exists()


def delete_messages(since):
    HistoryMessage.objects.all().delete()


def delete_history(since):
    ChannelHistory.objects.all().delete()


def delete_history_and_go_on(since):
    ChannelHistory.objects.all().delete()
    say(1, 9)


def delete_one_message(since):
    HistoryMessage.objects.filter(offset=7).delete()


def restore_a_copy(since):
    """The copy was made before the position, and is as old as its epoch."""
    HistoryMessage.objects.filter(offset__gt=3).delete()
    ChannelHistory.objects.update(last_offset=3, last_tag=HistoryMessage.objects.get(offset=3).tag)


def restore_a_copy_and_go_on(since):
    restore_a_copy(since)
    say(4, 9)


@pytest.mark.parametrize(
    "lose",
    [
        delete_messages,
        delete_history,
        delete_history_and_go_on,
        delete_one_message,
        restore_a_copy,
        restore_a_copy_and_go_on,
    ],
)
def test_a_lost_history_is_a_gap(enter, join, lose):
    since = say(1, 5)
    say(6, 9)
    lose(since)
    reply, missed = join(enter(), room_1=since)
    assert (reply["refused"], reply["gap"]) == ({"room-1": 409}, {"room-1": position("room-1")})
    assert "joined" not in reply
    assert missed == {}
    assert not ChannelMembership.objects.exists()


@pytest.mark.parametrize("since", ["e1:40:x", "e1:0:x", "nonsense", "", 7, {}, "0:0:1", "e1:999999999999999999:x"])
def test_an_unknown_position_is_a_gap(enter, join, since):
    say(1, 3)
    assert join(enter(), room_1=since)[0]["refused"] == {"room-1": 409}


def test_after_a_gap_the_client_joins_from_a_new_position(enter, join):
    say(1, 3)
    socket = enter()
    gap = join(socket, room_1="e1:40:x")[0]["gap"]["room-1"]
    say(4, 5)
    assert socket.receive_nothing()
    assert numbers(join(socket, room_1=gap)[1]["room-1"]) == [4, 5]


def test_a_history_keeps_size_messages_and_drops_older_ones(enter, join, settings):
    settings.WEBSOCKETS = {"HISTORY": {"room-*": {"size": 50}}}
    positions = [say(number, number) for number in range(1, 129)]  # Each 64th message trims.
    assert HistoryMessage.objects.count() == 51
    assert "gap" in join(enter(), room_1=positions[76])[0]
    assert numbers(join(enter(), room_1=positions[77])[1]["room-1"]) == list(range(79, 129))


def test_messages_that_exceed_a_frame_come_in_several_frames(enter, join):
    since = say(1, 1)
    text = "€" * 20_000
    for number in range(2, 7):
        publish("room-1", {"n": number, "text": text})
    socket, seen = enter(), []
    for _ in range(3):
        socket.send_json({"action": "_ws", "_ws": {"id": since, "join": {"room-1": since}}})
        socket.receive()
        data = socket.receive()
        assert len(data.encode()) <= 128 * 1024
        frame = json.loads(data)["_ws"]
        seen += numbers(frame)
        since = frame["at"]
        if not frame["more"]:
            break
    assert seen == [2, 3, 4, 5, 6]


def test_hundreds_of_small_messages_come_in_several_frames(enter, join):
    since = say(1, 1)
    row = HistoryMessage.objects.get()
    HistoryMessage.objects.bulk_create(
        HistoryMessage(history=row.history, offset=n, tag="t", body=f'{{"n": {n}}}', size=10) for n in range(2, 703)
    )
    ChannelHistory.objects.update(last_offset=702, last_tag="t")
    frame = join(enter(), room_1=since)[1]["room-1"]
    assert (frame["more"], numbers(frame)) == (True, list(range(2, 502)))
    frame = join(enter(), room_1=frame["at"])[1]["room-1"]
    assert (frame["more"], numbers(frame)) == (False, list(range(502, 703)))


@pytest.mark.parametrize("by_user", [True, False])
def test_an_excluded_writer_gets_the_position_only(enter, join, alice, bob, by_user):
    writer, reader = enter(alice), enter(bob)
    since = say(1, 1)
    for socket in (writer, reader):
        join(socket, room_1=since)
    at = say(2, 2, exclude=alice if by_user else writer.session)
    assert writer.receive_all() == [{"_ws": {"channel": "room-1", "at": at}}]
    assert reader.receive_json()["n"] == 2
    frame = join(writer, room_1=since)[1]["room-1"]
    assert (frame["missed"], frame["at"]) == ([], at)
    assert numbers(join(reader, room_1=since)[1]["room-1"]) == [2]


def test_each_join_calls_can_join(enter, join):
    since = say(1, 1, "room-staff")
    say(2, 2, "room-staff")
    reply, missed = join(enter(), room_staff=since)
    assert (reply["refused"], missed) == ({"room-staff": 403}, {})


def test_positions_leave_the_rest_of_the_answer_in_place(enter, join):
    reply, _ = join(enter(), room_staff=None, room_1=None)
    assert reply["reasons"] == {"room-staff": "You may not join the channel 'room-staff'."}
    assert reply["joined"] == {"room-1": "0:0:0"}
    assert reply["window"] > 0


def test_a_beat_carries_the_positions_of_joined_channels(enter, join, django_assert_num_queries):
    socket = enter()
    join(socket, room_1=None, room_2=None, lobby=None)
    at = say(1, 2)
    say(1, 1, "room-3")
    socket.receive_all()
    socket.send_json({"action": "_ws", "_ws": {"beat": True}})
    assert socket.receive_json()["_ws"]["at"] == {"room-1": at}


def test_the_channel_of_the_connect_has_a_position_too(gateway_client):
    socket = gateway_client.connect("/ws/", channel="room-1")
    at = say(1, 1)
    assert socket.receive_json()["_ws"]["at"] == at
    socket.send_json({"action": "_ws", "_ws": {"beat": True}})
    assert socket.receive_json()["_ws"]["at"] == {"room-1": at}
    socket.send_json({"action": "_ws", "_ws": {"id": "a", "join": {"room-1": "e1:40:x"}}})
    assert socket.receive_json()["_ws"]["gap"] == {"room-1": at}
    # The site's handlers go on using the channel that the page connected to.
    assert socket.session.channel_name == "room-1"


def test_recovery_of_50_channels_takes_3_statements(enter, join):
    names = [f"room_{number}" for number in range(50)]
    since = {name: say(1, 1, name.replace("_", "-")) for name in names}
    socket = enter()

    def statements(positions):
        with CaptureQueriesContext(connection) as queries:
            reply, missed = join(socket, **positions)
        assert len(reply["joined"]) == 50
        read = [one["sql"] for one in queries if one["sql"].startswith("SELECT") and "histor" in one["sql"]]
        return len(read), missed

    assert statements(dict.fromkeys(names)) == (1, {})
    assert statements(since) == (1, {})
    for name in names:
        say(2, 3, name.replace("_", "-"))
    socket.receive_all()
    count, missed = statements(since)
    assert (count, len(missed)) == (3, 50)
    assert {tuple(numbers(frame)) for frame in missed.values()} == {(2, 3)}


def test_one_frame_brings_a_megabyte_for_all_of_its_channels(enter, join):
    since = {f"room_{number}": say(1, 1, f"room-{number}") for number in range(12)}
    for number in range(12):
        publish(f"room-{number}", {"n": 2, "text": "x" * 120_000})
    socket = enter()
    reply, missed = join(socket, **since)
    assert (len(reply["joined"]), len(missed)) == (12, 9)
    rest = {name: at for name, at in since.items() if name.replace("_", "-") not in missed}
    assert {numbers(frame)[0] for frame in join(socket, **rest)[1].values()} == {2}


def test_a_join_is_answered_if_the_history_cannot_be_read(enter, join, caplog):
    since = say(1, 2)
    socket = enter()

    def fail(execute, sql, *arguments):
        if sql.startswith("SELECT") and "channelhistory" in sql:
            raise DatabaseError("The server is gone.")
        return execute(sql, *arguments)

    with connection.execute_wrapper(fail):
        reply, missed = join(socket, room_1=since)
    assert (reply["status"], missed) == (500, {})
    assert "was not told what it has missed" in caplog.text
    assert join(socket, room_1=since)[0]["joined"] == {"room-1": since}


def test_many_gaps_cost_as_many_statements_as_two(enter, join):
    socket = enter()

    def statements(count):
        with CaptureQueriesContext(connection) as queries:
            reply, _ = join(socket, **{f"room_{number}": "e1:40:x" for number in range(count)})
        assert len(reply["gap"]) == count
        return len(queries)

    assert statements(2) == statements(100)
    assert not ChannelMembership.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="needs PostgreSQL or MariaDB: SQLite has one writer")
def test_a_message_published_before_a_join_commits_is_not_lost(enter, join, monkeypatch):
    """With ATOMIC_REQUESTS, publishers do not see the join until the end of the request."""
    since = say(1, 1)
    socket = enter()
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    meanwhile = []

    def allows(channel_name):
        # The join of the first channel is written when the view asks about the second one.
        if channel_name == "room-2":
            meanwhile.append(in_a_thread(lambda: publish("room-1", {"n": 2}))[0])
        return True

    RoomsView.allowed = staticmethod(allows)
    _, missed = join(socket, room_1=since, room_2=None)
    assert list(meanwhile[0].sent) == []
    assert numbers(missed["room-1"]) == [2]


@pytest.mark.django_db(transaction=True)
def test_a_message_during_a_join_is_pushed_or_missed(enter, join):
    since = say(1, 1)
    for n in range(2, 12):
        socket, together = enter(), threading.Barrier(2)

        def say_it():
            together.wait(30)  # noqa: B023
            with transaction.atomic():
                publish("room-1", {"n": n})  # noqa: B023

        def enter_it():
            together.wait(30)  # noqa: B023
            socket.send_json({"action": "_ws", "_ws": {"id": "join-1", "join": {"room-1": since}}})  # noqa: B023

        in_a_thread(say_it, enter_it)
        frames, since = [frame["_ws"] for frame in socket.receive_all()], position("room-1")
        seen = {frame.get("at") for frame in frames}
        assert since in seen.union(entry["at"] for frame in frames for entry in frame.get("missed", []))
