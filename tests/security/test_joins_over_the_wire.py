"""Joins and leaves that a client sends: how many channels, at what cost, and what ``can_join`` may raise."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.http import Http404
from django.test import override_settings
from django.urls import path

from django_aws_api_gateway_websockets.models import ChannelMembership, WebSocketSession
from django_aws_api_gateway_websockets.security.channel_rules import Channel
from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketView
from django_aws_api_gateway_websockets.views.exchange import MAX_JOINED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

#: Called by ``can_join`` with the name of the channel.
asked = []


class RoomsView(WebSocketView):
    def can_join(self, request, channel_name):
        if asked:
            asked[-1](channel_name)
        return True


class RuledView(WebSocketView):
    channel_rules = (Channel("room-a"), Channel("caf\u00e9"), Channel("user-{user_pk}"), Channel("staff", staff=True))


class OwnParseView(WebSocketView):
    """A view that takes JSON as Python reads it."""

    def parse(self, request):
        return json.loads(self.text)


urlpatterns = [
    path("ws/<slug:route>", RoomsView.as_view()),
    path("ruled/<slug:route>", RuledView.as_view()),
    path("own/<slug:route>", OwnParseView.as_view()),
]


@pytest.fixture(autouse=True)
def nothing_asked():
    asked.clear()
    yield
    asked.clear()


@pytest.fixture
def socket(db):
    return GatewayClient().connect("/ws/")


def send(socket, request_id="r-1", **content):
    return socket.send_json({"action": "_ws", "_ws": {"id": request_id, **content}})


def ask(socket, request_id="r-1", **content):
    assert send(socket, request_id, **content).status_code == 200
    return socket.receive_json()["_ws"]


def rooms(count, prefix="room"):
    return {f"{prefix}-{number}": None for number in range(count)}


# --- How many --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [MAX_JOINED - 150, MAX_JOINED - 50, MAX_JOINED])
def test_joins_within_a_join_do_not_pass_the_limit(socket, there):
    """The second message is handled while the first one asks ``can_join``."""
    session = socket.session
    ChannelMembership.objects.bulk_create(
        ChannelMembership(session=session, channel_name=f"old-{number}") for number in range(there)
    )

    def join_others(channel_name):
        asked.pop()
        send(socket, "r-2", join=rooms(100, "other"))

    asked.append(join_others)
    send(socket, join=rooms(100))
    assert ChannelMembership.objects.count() == min(there + 200, MAX_JOINED)


@pytest.mark.parametrize("messages", [2, 8, 16])
def test_joins_at_the_same_time_do_not_pass_the_limit(socket, messages):
    session = socket.session
    ChannelMembership.objects.bulk_create(
        ChannelMembership(session=session, channel_name=f"old-{number}") for number in range(MAX_JOINED - 30)
    )

    def join(number):
        try:
            return send(socket, f"r-{number}", join=rooms(20, f"m{number}")).status_code
        finally:
            connections.close_all()

    with override_settings(WEBSOCKETS={"MESSAGES_PER_CONNECTION": None}), ThreadPoolExecutor(messages) as pool:
        assert set(pool.map(join, range(messages))) <= {200, 503}
    assert ChannelMembership.objects.count() <= MAX_JOINED


def test_a_full_connection_may_repeat_its_channels(socket):
    session = socket.session
    names = rooms(MAX_JOINED)
    ChannelMembership.objects.bulk_create(ChannelMembership(session=session, channel_name=name) for name in names)
    answer = ask(socket, join={**rooms(3), "one more": None})
    assert (answer["joined"], answer["refused"]) == (rooms(3), {"one more": 403})


# --- At what cost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["join", "leave"])
def test_the_statements_do_not_grow_with_the_channels(socket, of, django_assert_max_num_queries):
    for number, count in enumerate((1, 10, 100)):
        names = rooms(count, f"n{number}")
        content = {"join": names} if of == "join" else {"leave": list(names)}
        with django_assert_max_num_queries(8):
            assert send(socket, f"r-{number}", **content).status_code == 200


# --- What can_join may raise -----------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "status"), [(Http404("no room"), 404), (PermissionDenied("no"), 403)])
def test_http_exceptions_in_can_join_refuse_one_channel(socket, error, status):
    def raise_it(channel_name):
        if channel_name == "room-1":
            raise error

    asked.append(raise_it)
    answer = ask(socket, join=rooms(3))
    assert (answer["status"], answer["refused"]) == (200, {"room-1": status})
    assert set(answer["joined"]) == {"room-0", "room-2"}


@pytest.mark.parametrize("error", [ValueError("no number"), IndexError(1), RuntimeError("secret of the site")])
def test_a_can_join_that_fails_joins_nothing(socket, error):
    def raise_it(channel_name):
        if channel_name == "room-2":
            raise error

    asked.append(raise_it)
    with pytest.raises(type(error)):
        send(socket, join=rooms(3))
    answer = socket.receive_json()
    assert (answer["_ws"]["status"], answer["message"]) == (500, "The server failed to handle this message.")
    assert not ChannelMembership.objects.exists()


# --- Names -----------------------------------------------------------------------------------------------

LOOK_ALIKES = [
    "room-\u0430",  # a Cyrillic letter
    "room\u2010a",  # another hyphen
    "\uff52oom-a",  # a full-width letter
    "room-A",
    "room-a\u0301",  # an accent of its own
    "room-a\u200b",  # a character of no width
    "room-a\ufe0f",  # a variation selector
    "room-a\u3164",  # a letter that is blank
    "room-a\u00a0",
    "cafe\u0301",  # the same accent, decomposed
    "CAF\u00c9",
    "user-\u0661",  # the digit one in Arabic
    "user-1\u0660",
    "sta\ufb00",  # a ligature
    "\u017ftaff",  # a long s
    "staff\u0000",
    "staff/../room-a",
]


@pytest.mark.parametrize("name", LOOK_ALIKES, ids=ascii)
def test_a_similar_looking_name_is_another_channel(alice, name):
    client = GatewayClient()
    client.force_login(alice)
    socket = client.connect("/ruled/")
    response = send(socket, join={"room-a": None, name: None})
    if response.status_code == 200:
        answer = socket.receive_json()["_ws"]
        assert (list(answer["joined"]), list(answer["refused"])) == (["room-a"], [name])
        assert not WebSocketSession.objects.in_channel(name).exists()
    assert set(ChannelMembership.objects.values_list("channel_name", flat=True)) <= {"room-a"}


@pytest.mark.parametrize(
    "text",
    [
        '{"action": "_ws", "_ws": {"id": "r", "join": {"\\ud800": null}}}',
        '{"action": "_ws", "_ws": {"id": "r", "join": {"a": null, "b\\udfff": null}}}',
        '{"action": "_ws", "_ws": {"id": "r", "\\ud83d": 1}}',
        '{"action": "_ws", "_ws": {"id": "r", "join": {"a\\u0000": null}}}',
    ],
)
def test_names_that_no_reply_can_hold_get_400(db, text):
    socket = GatewayClient().connect("/own/")
    assert socket.send(text).status_code == 400
    assert socket.receive_all() == []


@pytest.mark.parametrize(
    "text", ["NaN", "[[[1]]]", '{"_ws": {"v": NaN}}', '{"_ws": {"id": 1}}', '{"_ws": [[]]}', "1e999"]
)
def test_odd_values_from_an_overridden_parse_cause_no_500(db, text):
    socket = GatewayClient().connect("/own/")
    assert socket.send(text).status_code in (400, 404)
