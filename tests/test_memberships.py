"""Several channels on one connection: join, leave, and the connections of a channel."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404, HttpResponse
from django.urls import path
from django.utils import timezone

from django_aws_api_gateway_websockets.exceptions import ChannelRefused, InvalidBody, UnknownConnection
from django_aws_api_gateway_websockets.models import ChannelMembership, WebSocketSession, recipients
from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketView
from django_aws_api_gateway_websockets.views.exchange import MAX_JOINED

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


#: The channels that nobody may be in any more.
barred = set()


class RoomsView(WebSocketView):
    def can_join(self, request, channel_name):
        if channel_name == "denied":
            raise PermissionDenied
        return channel_name not in {"staff", *barred}


class WatchfulView(RoomsView):
    recheck_channel = True

    def default(self, request, *args, **kwargs):
        return HttpResponse()


urlpatterns = [
    path("ws/<slug:route>", RoomsView.as_view()),
    path("watchful/<slug:route>", WatchfulView.as_view()),
]


@pytest.fixture(autouse=True)
def _nobody_is_barred():
    barred.clear()


@pytest.fixture
def socket(db):
    return GatewayClient().connect("/ws/", channel="lobby")


def connect_as(user):
    client = GatewayClient()
    client.force_login(user)
    return client.connect("/ws/")


def ask(socket, request_id="r-1", **content):
    response = socket.send_json({"action": "_ws", "_ws": {"id": request_id, **content}})
    if response.status_code != 200:
        return response.status_code
    # Each answer also has what a client needs for its next connection.
    return {key: value for key, value in socket.receive_json()["_ws"].items() if key not in ("move", "window")}


def members(channel):
    return {session.connection_id for session in WebSocketSession.objects.in_channel(channel)}


def test_a_channel_has_those_who_connected_and_joined(socket):
    other, _ = GatewayClient().connect("/ws/"), GatewayClient().connect("/ws/", channel="Lobby")
    assert members("lobby") == {socket.session.connection_id}
    other.session.join("lobby")
    other.session.join("lobby")
    assert members("lobby") == {socket.session.connection_id, other.session.connection_id}
    assert other.session.channel_name == ""


def test_joining_the_channel_of_the_connect_writes_nothing(socket, django_assert_num_queries):
    session = socket.session
    with django_assert_num_queries(0):
        session.join("lobby")


def test_send_reaches_each_member_once_but_the_writer(socket):
    others = [GatewayClient().connect("/ws/", channel=name) for name in ("lobby", "")]
    others[1].session.join("lobby")
    others[0].session.join("room-1")
    ChannelMembership.objects.create(session=others[0].session, channel_name="lobby")
    report = WebSocketSession.objects.in_channel("lobby").exclude(pk=socket.session.pk).send_message({"text": "hi"})
    assert sorted(report.sent) == sorted(other.session.connection_id for other in others)
    assert [other.receive_json() for other in others] == [{"text": "hi"}] * 2


def test_recipients_are_read_with_one_query(socket, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert len(members("lobby")) == 1


def test_leave_also_takes_out_of_the_channel_of_the_connect(socket):
    session = socket.session
    session.join("room-1")
    session.leave("room-1")
    session.leave("lobby")
    session.leave("never joined")
    assert (members("room-1"), members("lobby"), session.channel_name) == (set(), set(), "")


def test_a_closed_connection_is_in_no_channel(socket):
    socket.session.join("room-1")
    socket.disconnect()
    assert members("room-1") == members("lobby") == set()


def test_memberships_are_deleted_with_the_row(socket):
    socket.session.join("room-1")
    WebSocketSession.objects.mark_disconnected()
    WebSocketSession.objects.all().delete()
    assert not ChannelMembership.objects.exists()


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_closed_or_deleted_row_joins_nothing(socket, is_deleted):
    session = socket.session
    WebSocketSession.objects.mark_disconnected()
    if is_deleted:
        WebSocketSession.objects.all().delete()
    with pytest.raises(UnknownConnection):
        session.join("room-1")


@pytest.mark.parametrize("name", ["", " room", "a\0b", "x" * 256, None, 1, "\ud800"])
def test_only_channel_names_can_be_joined(socket, name):
    with pytest.raises(InvalidBody):
        socket.session.join(name)


def test_the_client_joins_and_leaves(socket):
    assert ask(socket, join={"room-1": None, "room-2": "e1:40:x"}) == {
        "reply": "r-1",
        "status": 200,
        "joined": {"room-1": None, "room-2": None},
    }
    answer = ask(socket, "r-2", join={"room-1": None}, leave=["room-2", "lobby", 7, "", " x", {}])
    assert answer == {"reply": "r-2", "status": 200, "joined": {"room-1": None}}
    assert members("room-1") == {socket.session.connection_id}
    assert members("room-2") == members("lobby") == set()


def test_each_channel_is_refused_by_itself(socket):
    answer = ask(socket, join={"room-1": None, "staff": None, "denied": None, "": None, " x": None, "y" * 256: None})
    assert answer["joined"] == {"room-1": None}
    assert answer["refused"] == {"staff": 403, "denied": 403, "": 400, " x": 400, "y" * 256: 400}
    assert answer["status"] == 200
    assert ChannelMembership.objects.count() == 1


def test_refused_joins_have_a_reason_and_one_log_line(socket, caplog):
    answer = ask(socket, join={"staff": None, "denied": None, "room-1": None, "a\nb": None})
    assert answer["reasons"] == {
        "staff": "You may not join the channel 'staff'.",
        "denied": "You may not do this.",
        "a\nb": r"A channel name must have printable characters only, unlike 'a\nb'.",
    }
    (line,) = [record for record in caplog.records if "join" in record.getMessage()]
    assert line.getMessage() == "Refused to join 'staff' and 2 more: You may not join the channel 'staff'."
    assert (line.levelname, line.status_code) == ("WARNING", 403)


def test_the_reasons_of_many_refused_joins_are_limited(socket):
    answer = ask(socket, join={f"{number}\n" + "x" * 80: None for number in range(100)})
    assert (len(answer["refused"]), len(answer["reasons"])) == (100, 10)


def test_a_name_that_is_too_long_gets_its_reason(socket):
    answer = ask(socket, join={"x" * 256: None})
    assert answer["reasons"] == {"x" * 256: f"A channel name must have at most 255 characters. '{'x' * 20}'… has 256."}


def test_huge_names_leave_room_for_the_other_reasons(socket):
    answer = ask(socket, join={"x" * 100_000: None, "staff": None})
    assert answer["refused"] == {"x" * 100_000: 400, "staff": 403}
    assert answer["reasons"] == {"staff": "You may not join the channel 'staff'."}


def test_a_repeated_join_on_a_new_connection_joins_again(alice):
    first, second = connect_as(alice), connect_as(alice)
    for socket in (first, second, second):
        assert ask(socket, "a-long-enough-request-id", join={"room-1": None})["joined"] == {"room-1": None}
    assert len(members("room-1")) == 2


@pytest.mark.parametrize(
    "content",
    [
        {"join": ["room-1"]},
        {"join": None},
        {"leave": "room-1"},
        {"leave": {"room-1": None}},
        {"join": {str(number): None for number in range(101)}},
        {"leave": ["x"] * 101},
    ],
)
def test_malformed_joins_get_400(socket, content):
    assert ask(socket, **content) == 400


def test_a_connection_joins_a_limited_number_of_channels(socket):
    names = (f"room-{number}" for number in range(MAX_JOINED - 1))
    session = socket.session
    ChannelMembership.objects.bulk_create(ChannelMembership(session=session, channel_name=name) for name in names)
    answer = ask(socket, join={"one": None, "two": None})
    assert (answer["joined"], answer["refused"]) == ({"one": None}, {"two": 403})


def test_memberships_go_with_the_user(socket, alice):
    connect_as(alice).session.join("room-1")
    WebSocketSession.objects.mark_disconnected()
    alice.delete()
    assert not ChannelMembership.objects.exists()
    assert WebSocketSession.objects.count() == 1


def test_the_clean_up_deletes_memberships(socket):
    socket.session.join("room-1")
    WebSocketSession.objects.mark_disconnected()
    WebSocketSession.objects.update(created_on=timezone.now() - timedelta(hours=1))
    assert WebSocketSession.objects.clear_closed().deleted == 1
    assert not ChannelMembership.objects.exists()


def test_recheck_channel_covers_joined_channels():
    socket = GatewayClient().connect("/watchful/", channel="lobby")
    for name in ("room-1", "room-2"):
        socket.session.join(name)
    barred.add("room-1")
    assert socket.send_json({"action": "hello"}).status_code == 200
    assert socket.session.channels == ["lobby", "room-2"]
    assert members("room-1") == set()
    barred.add("lobby")
    assert socket.send_json({"action": "hello"}).status_code == 403


@pytest.mark.parametrize("error", [Http404(), PermissionDenied(), ChannelRefused("no")])
def test_http_exceptions_during_a_recheck_leave_the_channel(error, monkeypatch):
    socket = GatewayClient().connect("/watchful/", channel="lobby")
    socket.session.join_all([f"room-{number}" for number in range(3)])

    def can_join(self, request, channel_name):
        if channel_name in ("room-0", "room-2"):
            raise error
        return True

    monkeypatch.setattr(WatchfulView, "can_join", can_join)
    assert socket.send_json({"action": "hello"}).status_code == 200
    assert socket.session.channels == ["lobby", "room-1"]


@pytest.fixture
def readers(socket, monkeypatch):
    """Return seven rows. Rows 0 to 4 are in the channel "a", which 3 and 4 connected to. Rows 2 to 6 are in "b"."""
    monkeypatch.setattr(recipients, "_FIRST_CHUNK", 1)
    monkeypatch.setattr(recipients, "_LARGER_CHUNK", 2)
    gateway = socket.session.api_gateway
    for number in range(7):
        name = "a" if number in (3, 4) else ""
        row = WebSocketSession.objects.record(
            connection_id=f"r{number}=", channel_name=name, api_gateway=gateway, stage_name="production"
        )
        row.join_all([*(["a"] if number < 3 else []), *(["b"] if number > 1 else [])])
    return WebSocketSession.objects.filter(connection_id__in=[f"r{number}=" for number in range(7)])


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (lambda rows: rows.in_channel("a"), "01234"),
        (lambda rows: rows.in_channel("a").in_channel("b"), "234"),
        (lambda rows: rows.in_channel("a") | rows.in_channel("b"), "0123456"),
        (lambda rows: rows.exclude(pk__in=rows.in_channel("a")), "56"),
        (lambda rows: rows.in_channel("b").exclude(connection_id="r4=").reverse(), "2356"),
    ],
)
def test_a_channel_is_read_in_chunks_without_a_gap(readers, select, expected):
    found = [target.connection_id for target in recipients.targets_of(select(readers))]
    assert found == [f"r{number}=" for number in expected]


def test_later_chunks_read_only_the_rest_of_the_channel(readers, django_assert_num_queries):
    with django_assert_num_queries(5) as captured:  # One of them reads the gateway.
        assert len(list(recipients.targets_of(readers.in_channel("a")))) == 5
    last_key = readers.get(connection_id="r4=").pk
    # The outer query and both halves of the union have the condition.
    assert captured.captured_queries[-1]["sql"].count(f"> {last_key}") == 3


# On MariaDB, the bytes of the key say that it is searched by "connected" too.
BY_INDEX = {"mysql": r"websockets_members\s+websockets_members\s+1023"}


@pytest.mark.django_db(transaction=True)  # MariaDB commits before it analyses
def test_an_index_finds_the_open_members_among_closed_ones(socket):
    gateway, rows = socket.session.api_gateway, WebSocketSession.objects.exclude(pk=socket.session.pk)
    WebSocketSession.objects.bulk_create(
        WebSocketSession(connection_id=f"{number}=", api_gateway=gateway) for number in range(3000)
    )
    ChannelMembership.objects.bulk_create(
        ChannelMembership(session=row, channel_name=f"room-{row.pk % 3}") for row in rows
    )
    rows.exclude(connection_id__startswith="11").mark_disconnected()
    with connection.cursor() as cursor:
        for model in (WebSocketSession, ChannelMembership):
            table = f" TABLE {model._meta.db_table}" if connection.vendor == "mysql" else ""
            cursor.execute(f"ANALYZE{table}")
    assert re.search(
        BY_INDEX.get(connection.vendor, "websockets_members"), WebSocketSession.objects.in_channel("room-1").explain()
    )
