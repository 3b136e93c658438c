"""The signals about connections and messages, through the doors that a site has."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connection, transaction
from django.http import HttpResponseBadRequest, HttpResponseForbidden
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone

from django_aws_api_gateway_websockets import signals
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused
from django_aws_api_gateway_websockets.testing.commits import committed
from django_aws_api_gateway_websockets.views import WebSocketView

from .listening import listening

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
NAMES = ("session_connected", "session_disconnected", "message_received", "message_failed")


class RoomView(WebSocketView):
    def connect(self, request, *args, **kwargs):
        super().connect(request, *args, **kwargs)
        return HttpResponseForbidden() if self.websocket_session.channel_name == "full" else None

    def say(self, request, *args, **kwargs):
        return HttpResponseBadRequest() if not self.body.get("text") else None

    def fail(self, request, *args, **kwargs):
        raise RuntimeError("a bug")

    def deny(self, request, *args, **kwargs):
        raise PermissionDenied("not you")


urlpatterns = [path("ws/<slug:route>", RoomView.as_view())]


@pytest.fixture
def heard():
    """What receivers of the four signals got, in order, as (name, arguments)."""
    heard = []

    def receive(name, sender, signal, **arguments):
        heard.append((name, SimpleNamespace(sender=sender, **arguments)))

    with listening(NAMES, receive):
        yield heard


@pytest.fixture
def client(alice):
    client = GatewayClient()
    client.force_login(alice)
    return client


def names(heard):
    return [name for name, _ in heard]


def ends(heard):
    return sorted((got.session.connection_id, got.reason) for name, got in heard if name == "session_disconnected")


def test_a_connection_is_announced_from_connect_to_disconnect(client, alice, heard):
    socket = client.connect("/ws/", "room-1")
    socket.send_json({"action": "say", "text": "hi"})
    socket.disconnect()

    (_, began), (_, received), (_, ended) = heard
    assert names(heard) == ["session_connected", "message_received", "session_disconnected"]
    assert (began.sender, began.session.user, began.session.channel_name) == (WebSocketSession, alice, "room-1")
    assert (received.sender, received.session, received.handler, received.status) == (
        RoomView,
        began.session,
        "say",
        200,
    )
    assert (ended.sender, ended.session, ended.reason) == (WebSocketSession, began.session, "client")
    assert (ended.session.connected, ended.session.closed_reason) == (False, "client")


def test_repeated_events_are_announced_once(client, alice, heard):
    socket = client.connect("/ws/")
    assert socket.repeat_connect(alice).status_code == 200
    socket.disconnect()
    socket.disconnect()
    assert names(heard) == ["session_connected", "session_disconnected"]


def test_a_refused_connection_is_not_announced(client, heard):
    with pytest.raises(HandshakeRefused):
        client.connect("/ws/", "full")
    assert heard == []


@pytest.mark.parametrize("action", ["fail", "deny"])
def test_a_failed_message_is_announced_with_its_exception(client, heard, action):
    socket = client.connect("/ws/")
    if action == "fail":
        with pytest.raises(RuntimeError):
            socket.send_json({"action": action})
    else:
        assert socket.send_json({"action": action}).status_code == 403
    name, failed = heard[-1]
    assert (name, failed.handler, failed.session) == ("message_failed", action, socket.session)
    assert str(failed.exception) in ("a bug", "not you")
    assert "message_received" not in names(heard)


def test_a_refused_message_is_announced_with_its_status(client, heard):
    client.connect("/ws/").send_json({"action": "say"})
    assert (heard[-1][0], heard[-1][1].status) == ("message_received", 400)


def test_beats_and_joins_are_not_announced_as_messages(client, heard):
    socket = client.connect("/ws/")
    socket.send_json({"action": "_ws", "_ws": {"beat": True}})
    socket.send_json({"action": "_ws", "_ws": {"id": "r-1", "join": {"room-1": None}}})
    assert names(heard) == ["session_connected"]


def test_a_receiver_that_fails_breaks_nothing(client, heard, caplog):
    def fail(sender, **kwargs):
        raise RuntimeError("a bug in a receiver")

    for name in NAMES:
        getattr(signals, name).connect(fail)
    try:
        socket = client.connect("/ws/")
        assert socket.send_json({"action": "say", "text": "hi"}).status_code == 200
        assert socket.disconnect().status_code == 200
    finally:
        for name in NAMES:
            getattr(signals, name).disconnect(fail)
    assert not socket.session.connected
    for name in ("session_connected", "message_received", "session_disconnected"):
        assert f"A receiver of {name} failed" in caplog.text


def test_nothing_can_be_sent_to_a_connection_while_it_connects(client, caplog):
    def greet(sender, session, **kwargs):
        session.send_message({"hello": "you"})

    signals.session_connected.connect(greet)
    try:
        socket = client.connect("/ws/")
    finally:
        signals.session_connected.disconnect(greet)
    assert socket.receive_nothing()
    assert "before its $connect has returned" in caplog.text


def log_out(client, user):
    client.logout()


def delete_user(client, user):
    user.delete()


def kick(client, user):
    WebSocketSession.objects.filter(user=user).disconnect(reason="kicked")


def find_gone(client, user):
    client.gone()
    WebSocketSession.objects.filter(user=user).send_message({"text": "hi"})


def sweep(client, user):
    WebSocketSession.objects.filter(user=user).update(created_on=timezone.now() - timedelta(hours=3))
    call_command("clearWebSocketSessions")


def delete_rows(client, user):
    WebSocketSession.objects.filter(user=user).delete()


@pytest.mark.parametrize("speaks", [False, True], ids=["plain", "GatewaySocket"])
@pytest.mark.parametrize(
    ("close", "reason"),
    [
        (log_out, "logout"),
        (delete_user, "user_deleted"),
        (kick, "kicked"),
        (find_gone, "gone"),
        (sweep, "expired"),
        (delete_rows, "site"),
    ],
)
def test_each_closed_row_is_announced_once(client, alice, heard, close, reason, speaks):
    sockets = [client.connect("/ws/", query={"ws_v": "1"} if speaks else {}) for _ in range(3)]
    with committed():
        close(client, alice)
        for socket in sockets:
            socket.disconnect()
    assert ends(heard) == sorted((socket.connection_id, reason) for socket in sockets)
    assert {got.session.user.username for name, got in heard if name == "session_disconnected"} == {"alice"}


def test_a_goodbye_that_fails_announces_one_end(client, alice, heard):
    socket = client.connect("/ws/", query={"ws_v": "1"})
    client.gone(socket)
    with committed():
        WebSocketSession.objects.disconnect()
    assert len(ends(heard)) == 1
    other = client.connect("/ws/", query={"ws_v": "1"})
    client.gone(other)
    with committed():
        other.session.disconnect()
    assert [one for one in ends(heard) if one[0] == other.connection_id] == [(other.connection_id, "site")]


def test_a_hand_over_announces_both_connections_once(client, heard):
    old = client.connect("/ws/", "room-1", query={"ws_v": "1"})
    old.send_json({"action": "_ws", "_ws": {"beat": True}})
    token = old.receive_json()["_ws"]["move"]
    new = client.connect("/ws/", query={"ws_v": "1", "ws_wait": "1"})
    assert names(heard) == ["session_connected"]
    for _ in range(2):
        new.send_json({"action": "_ws", "_ws": {"id": "r-1", "move": token}})
    old.disconnect()
    assert ends(heard) == [(old.connection_id, "moved")]
    began = [got.session.connection_id for name, got in heard if name == "session_connected"]
    assert began == [old.connection_id, new.connection_id]
    new.disconnect()
    assert (new.connection_id, "client") in ends(heard)


def test_a_row_that_is_opened_again_is_announced_again(client, heard):
    socket = client.connect("/ws/")
    WebSocketSession.objects.mark_disconnected("gone")
    socket.send_json({"action": "say", "text": "hi"})
    assert names(heard).count("session_connected") == 2


@pytest.mark.django_db(transaction=True)
def test_a_rollback_announces_nothing(client, alice, heard):
    client.connect("/ws/")
    with pytest.raises(RuntimeError), transaction.atomic():
        WebSocketSession.objects.mark_disconnected("site")
        raise RuntimeError
    assert names(heard) == ["session_connected"]


@pytest.mark.django_db(transaction=True)
def test_a_receiver_sees_the_committed_row(client):
    seen = []

    def look(sender, session, **kwargs):
        seen.append(WebSocketSession.objects.filter(pk=session.pk).values_list("connected", flat=True).get())

    signals.session_connected.connect(look)
    signals.session_disconnected.connect(look)
    try:
        client.connect("/ws/").disconnect()
    finally:
        signals.session_connected.disconnect(look)
        signals.session_disconnected.disconnect(look)
    assert seen == [True, False]


def statements_of_ends(client, count):
    for _ in range(count):
        client.connect("/ws/")
    with CaptureQueriesContext(connection) as asked:
        assert WebSocketSession.objects.mark_disconnected("site") == count
    return [one["sql"].split()[0] for one in asked.captured_queries if "SAVEPOINT" not in one["sql"]]


def test_without_receivers_ends_read_no_row(client):
    assert statements_of_ends(client, 3) == ["SELECT", "UPDATE", "UPDATE"]


def test_with_receivers_many_ends_cost_one_more_statement(client, heard):
    assert statements_of_ends(client, 5) == ["SELECT", "UPDATE", "UPDATE", "SELECT"]


def test_a_request_with_an_id_is_announced_once(client, heard):
    socket = client.connect("/ws/")
    for _ in range(2):
        socket.send_json({"action": "say", "text": "hi", "_ws": {"id": "k3f9-a-long-enough-id"}})
    assert names(heard).count("message_received") == 1
    assert json.loads(socket.receive())["_ws"]["status"] == 200
