"""Hand-overs: a new connection takes the place of one that API Gateway will close. See docs/protocol.md."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.db import connection, connections
from django.test import override_settings
from django.urls import path
from django.utils import timezone

from django_aws_api_gateway_websockets.background.work import JOBS
from django_aws_api_gateway_websockets.exceptions import EventRefused
from django_aws_api_gateway_websockets.logins import handovers
from django_aws_api_gateway_websockets.models import ClosedReason, WebSocketSession, activity
from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.testing.sockets import GatewaySocket
from tests.views import ExampleView

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

ended = []
meanwhile = []
barred = set()
redirected = set()


class Elsewhere(EventRefused):
    """A site's own refusal, with a status that is not an error."""

    status = 307


class RoomView(ExampleView):
    def can_join(self, request, channel_name):
        if channel_name in redirected:
            raise Elsewhere("Ask the other site.")
        return channel_name not in barred

    def connect(self, request, *args, **kwargs):
        response = super().connect(request, *args, **kwargs)
        if request.GET.get("news"):
            self.websocket_session.join("news")
        return response

    def where(self, request, *args, **kwargs):
        session = self.websocket_session
        self.reply({"user": request.user.username, "channel": session.channel_name, "connected": session.connected})

    def change(self, request, *args, **kwargs):
        meanwhile.pop()()
        self.join_channel(request, self.body["to"])

    def disconnect(self, request, *args, **kwargs):
        super().disconnect(request, *args, **kwargs)
        ended.append(self.websocket_session.closed_reason)


urlpatterns = [
    path("ws/<slug:route>", RoomView.as_view()),
    path("other/<slug:route>", RoomView.as_view()),
    path("admin/", admin.site.urls),
]


@pytest.fixture(autouse=True)
def nothing_remembered():
    ended.clear()
    barred.clear()
    redirected.clear()
    cache.clear()


@pytest.fixture
def client(db):
    return GatewayClient()


@pytest.fixture
def page(client, alice):
    """The browser of alice."""
    client.force_login(alice)
    return client


@pytest.fixture
def old(page):
    return page.connect("/ws/", channel="room", query={"ws_v": "1"})


def wait_with(client, path="/ws/"):
    return client.connect(path, channel="room", query={"ws_v": "1", "ws_wait": "1"})


def ask(socket, request_id="r-1", action="_ws", **content):
    socket.send_json({"action": action, "_ws": {"id": request_id, **content}})
    return socket.receive_json()


def token_of(socket):
    socket.send_json({"action": "_ws", "_ws": {"beat": True}})
    return socket.receive_json()["_ws"]["move"]


def move(old, new):
    assert ask(new, move=token_of(old))["_ws"] == {"reply": "r-1", "status": 200, "window": 0.5}
    return new


def state(socket):
    session = socket.session
    return session.connected, session.closed_reason


def test_the_new_connection_takes_over_all_channels(page, old):
    ask(old, join={"lobby": None})
    new = move(old, wait_with(page))
    assert (state(old), state(new)) == ((False, "moved"), (True, ""))
    for channel in ("room", "lobby"):
        WebSocketSession.objects.in_channel(channel).send_message({"to": channel})
    assert new.receive_all() == [{"to": "room"}, {"to": "lobby"}]
    assert old.receive_nothing()
    assert not old.closed


def test_a_view_that_joins_in_connect_hands_over_too(page):
    old, new = (page.connect("/ws/", query={"news": "1", "ws_wait": str(number)}) for number in range(2))
    WebSocketSession.objects.in_channel("news").send_message({"n": 1})
    assert (old.receive_json(), new.receive_nothing()) == ({"n": 1}, True)
    move(old, new)
    assert list(WebSocketSession.objects.in_channel("news")) == [new.session]


def test_a_waiting_connection_receives_and_does_nothing(page, old, alice):
    new = wait_with(page)
    assert (new.session.channel_name, state(new)) == ("", (False, "waiting"))
    WebSocketSession.objects.filter(user=alice).send_message({"n": 1})
    assert old.receive_all() == [{"n": 1}]
    token = token_of(old)
    beat = {"action": "_ws", "_ws": {"beat": True}}
    for message in ({"action": "test"}, beat, {"action": "test", "_ws": {"move": token}}):
        assert new.send_json(message).status_code == 403
    assert ask(new, join={"room": None})["_ws"]["status"] == 403
    assert old.receive_nothing()
    assert new.receive_nothing()


def test_a_join_brings_a_token_too(page, old):
    new = wait_with(page)
    token = ask(old, join={"lobby": None})["_ws"]["move"]
    assert ask(new, move=token)["_ws"]["status"] == 200


def test_a_lost_channel_is_not_handed_over(page, old):
    ask(old, join={"lobby": None, "kitchen": None})
    token = token_of(old)
    # A client may connect without a channel, so the handshake asks about none.
    new = page.connect("/ws/", query={"ws_wait": "1"})
    barred.update({"room", "lobby"})
    lost = {"room": 403, "lobby": 403}
    assert ask(new, move=token)["_ws"] == {"reply": "r-1", "status": 200, "window": 0.5, "lost": lost}
    assert new.session.channels == ["kitchen"]


@pytest.mark.parametrize("character", ["é", "ж", "💥", "<"])
def test_every_lost_channel_is_told_however_long_its_name(page, old, character):
    names = [f"{n:03}".ljust(255, character) for n in range(500)]
    old.session.join_all(names)
    token = token_of(old)
    new = wait_with(page)
    barred.update(names)
    new.send_json({"action": "_ws", "_ws": {"id": "r-1", "move": token}})
    first, *more = [message["_ws"] for message in new.receive_all()]
    assert (first["reply"], first["status"]) == ("r-1", 200)
    assert all(list(further) == ["lost"] for further in more)
    assert {name: status for part in (first, *more) for name, status in part["lost"].items()} == dict.fromkeys(
        names, 403
    )
    assert new.session.channels == ["room"]


def test_a_refusal_with_any_status_leaves_the_channel(page, old):
    old.session.join("secret")
    token = token_of(old)
    new = wait_with(page)
    redirected.add("secret")
    assert ask(new, move=token)["_ws"]["lost"] == {"secret": 307}
    assert new.session.channels == ["room"]


def test_a_late_message_counts_as_one_of_the_new_connection(page, old):
    new = move(old, wait_with(page))
    old.send_json({"action": "where", "_ws": {"id": "r-2"}})
    where = {"user": "alice", "channel": "room", "connected": True}
    assert new.receive_json() == {**where, "_ws": {"reply": "r-2", "status": 200}}
    old.send_json({"action": "_ws", "_ws": {"id": "r-3", "join": {"lobby": None}}})
    assert new.receive_json()["_ws"]["joined"] == {"lobby": None}
    assert WebSocketSession.objects.in_channel("lobby").get() == new.session
    assert old.receive_nothing()


def test_the_end_of_the_old_connection_changes_nothing(page, old):
    new = move(old, wait_with(page))
    old.disconnect()
    assert (state(old), state(new)) == ((False, "moved"), (True, ""))
    new.disconnect()
    assert state(new) == (False, "client")
    assert ended == ["moved", "client"]


def test_a_waiting_connection_that_ends_is_closed_by_its_client(page, old):
    new = wait_with(page)
    token = token_of(old)
    new.disconnect()
    assert (state(new), state(old)) == ((False, "client"), (True, ""))
    assert ask(wait_with(page), move=token)["_ws"]["status"] == 200


def test_an_anonymous_connection_moves_too(client):
    old = client.connect("/ws/", channel="room")
    new = move(old, wait_with(client))
    assert new.session.channel_name == "room"


def test_the_connection_moves_again(page, old):
    second = move(old, wait_with(page))
    third = move(second, wait_with(page))
    assert (third.session.channel_name, state(third)) == ("room", (True, ""))
    old.send_json({"action": "where", "_ws": {"id": "r-2"}})
    assert third.receive_json()["channel"] == "room"


def test_a_move_counts_as_one_end(page, old):
    cache.clear()
    move(old, wait_with(page))
    assert activity.latest_steps([ClosedReason.MOVED])[-1].counts == {"moved": 1}


# --- Tokens ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thief", ["bob", None])
def test_a_stolen_token_moves_nothing_to_another_user(old, page, make_user, thief):
    other = GatewayClient()
    if thief:
        other.force_login(make_user(thief))
    token = token_of(old)
    assert ask(wait_with(other), move=token)["_ws"]["status"] == 403
    assert state(old) == (True, "")
    assert ask(wait_with(page), move=token)["_ws"]["status"] == 200


def test_a_logged_in_user_does_not_take_an_anonymous_connection(page):
    anonymous = GatewayClient()
    token = token_of(anonymous.connect("/ws/"))
    assert ask(wait_with(page), move=token)["_ws"]["status"] == 403


def test_a_token_works_once(page, old):
    token = token_of(old)
    first, second = wait_with(page), wait_with(page)
    assert ask(first, move=token)["_ws"]["status"] == 200
    reply = ask(second, move=token)
    assert reply["_ws"]["status"] == 403
    assert "replaced by another one" in reply["message"]
    assert (state(first), state(second)) == ((True, ""), (False, "waiting"))


@pytest.mark.parametrize("request_id", ["r-1", "r-2"])
def test_a_repeated_move_answers_alike(page, old, request_id):
    token, new = token_of(old), wait_with(page)
    assert ask(new, move=token)["_ws"]["status"] == 200
    assert ask(new, request_id, move=token)["_ws"] == {"reply": request_id, "status": 200, "window": 0.5}


def test_the_same_id_on_another_connection_is_another_move(page, old):
    token = token_of(old)
    ask(wait_with(page), move=token)
    assert ask(wait_with(page), move=token)["_ws"]["status"] == 403


def test_an_expired_token_is_refused(page, old, monkeypatch):
    token, new = token_of(old), wait_with(page)
    monkeypatch.setattr(handovers, "MAX_AGE", -1)
    reply = ask(new, move=token)
    assert reply["_ws"]["status"] == 403
    assert "expired" in reply["message"]
    assert state(old) == (True, "")


@pytest.mark.parametrize("token", ["x", "a:b:c", "ä"])
def test_a_forged_token_is_refused(page, old, token):
    assert ask(wait_with(page), move=token)["_ws"]["status"] == 403
    assert state(old) == (True, "")


@pytest.mark.parametrize("content", [{"move": 1}, {"move": {}}, {"move": "x", "join": {"room": None}}])
def test_a_malformed_move_is_a_bad_request(page, content):
    new = wait_with(page)
    assert new.send_json({"action": "_ws", "_ws": {"id": "r-1", **content}}).status_code == 400


def test_only_a_waiting_connection_can_move(page, old):
    new = page.connect("/ws/", channel="lobby")
    assert ask(new, move=token_of(old))["_ws"]["status"] == 403
    assert (state(old), state(new), new.session.channel_name) == ((True, ""), (True, ""), "lobby")


def test_a_connection_of_another_gateway_cannot_take_over(page, old):
    assert ask(wait_with(page, "/other/"), move=token_of(old))["_ws"]["status"] == 403


def test_the_old_connection_must_be_open(page, old):
    token, new = token_of(old), wait_with(page)
    old.disconnect()
    assert ask(new, move=token)["_ws"]["status"] == 403
    assert state(new) == (False, "waiting")


def test_a_handshake_to_wait_passes_the_same_checks(page, old):
    with override_settings(WEBSOCKETS={"REQUIRE_ORIGIN": True}), pytest.raises(Exception, match="403"):
        page.connect("/ws/", query={"ws_wait": "1"}, headers={"Origin": None})


def test_a_repeated_connect_keeps_waiting(page, old, alice):
    new = wait_with(page)
    assert new.repeat_connect(alice).status_code == 403
    assert state(new) == (False, "waiting")


# --- The end of a login, and kicks -------------------------------------------------------------------


def goodbyes(socket):
    return [message["_ws"]["bye"] for message in socket.receive_all()]


@pytest.mark.django_db(transaction=True)
def test_a_logout_closes_the_waiting_connection(page, old):
    token, new = token_of(old), wait_with(page)
    page.logout()
    assert old.closed
    assert new.closed
    assert (state(old), state(new)) == ((False, "logout"), (False, "logout"))
    assert (goodbyes(old), goodbyes(new)) == (["logout"], [])
    assert late_move(new, token) == 403


def late_move(socket, token):
    """The status of a move that was under way when its socket was closed."""
    socket._open_now = True
    return socket.send_json({"action": "_ws", "_ws": {"move": token}}).status_code


@pytest.mark.django_db(transaction=True)
def test_a_logout_closes_both_connections_of_a_hand_over(page, old):
    new = move(old, wait_with(page))
    page.logout()
    assert old.closed
    assert new.closed
    assert (state(old), state(new)) == ((False, "logout"), (False, "logout"))
    assert (goodbyes(old), goodbyes(new)) == ([], ["logout"])


@pytest.mark.django_db(transaction=True)
def test_a_logout_elsewhere_leaves_a_waiting_connection_alone(page, old, alice):
    new = wait_with(page)
    other = GatewayClient()
    other.force_login(alice)
    other.connect("/ws/")
    other.logout()
    assert not new.closed
    assert ask(new, move=token_of(old))["_ws"]["status"] == 200


@pytest.mark.django_db(transaction=True)
def test_an_ended_login_takes_over_no_other_login(page, old, alice):
    """The same user is logged in twice, and only the login that waits has ended when the token is given."""
    other = GatewayClient()
    other.force_login(alice)
    new = wait_with(other)
    other.logout()
    assert state(new) == (False, "logout")
    assert late_move(new, token_of(old)) == 403
    assert state(old) == (True, "")


@pytest.mark.django_db(transaction=True)
def test_a_logout_noted_during_the_move_ends_it(page, old):
    """A logout that read the rows before the move finds neither connection of it."""
    token, new = token_of(old), wait_with(page)
    rows = WebSocketSession.objects.all()
    page.logout()
    rows.filter(connection_id=old.connection_id).update(connected=True, closed_reason="")
    rows.filter(connection_id=new.connection_id).update(closed_reason="waiting")
    new._open_now = True
    assert new.send_json({"action": "_ws", "_ws": {"move": token}}).status_code == 403
    assert (state(new), new.closed) == ((False, "logout"), True)


@pytest.mark.django_db(transaction=True)
def test_a_password_change_closes_both_connections(page, old, alice):
    new = move(old, wait_with(page))
    alice.set_password("other")
    alice.save()
    assert old.closed
    assert new.closed


@pytest.mark.parametrize("many", [False, True])
def test_a_kick_closes_both_connections(page, old, many):
    new = move(old, wait_with(page))
    if many:
        report = WebSocketSession.objects.filter(channel_name="room").disconnect("kicked")
        assert report.sent == [new.connection_id]
    else:
        new.session.disconnect("kicked")
    assert old.closed
    assert new.closed
    assert (state(old), state(new)) == ((False, "kicked"), (False, "kicked"))


@pytest.mark.parametrize("ends", [False, True])
def test_a_kick_by_a_row_read_before_the_move_reaches_both(page, old, ends):
    before = old.session
    new = move(old, wait_with(page))
    if ends:
        old.disconnect()
        before.refresh_from_db()
    assert before.disconnect("kicked") is True
    assert old.closed
    assert new.closed
    assert state(new) == (False, "kicked")


@pytest.mark.parametrize("many", [False, True])
def test_a_kick_before_the_move_closes_the_waiting_connection(page, old, many):
    token, new = token_of(old), wait_with(page)
    (WebSocketSession.objects if many else old.session).disconnect("kicked")
    assert new.closed
    assert late_move(new, token) == 403
    assert (state(old), state(new)) == ((False, "kicked"), (False, "kicked"))


def test_a_kick_finds_a_connection_that_moved_meanwhile(client):
    """Rows are read in advance, so a connection may move between the reading and the closing."""
    first, old = client.connect("/ws/"), client.connect("/ws/", channel="room")
    token, new = token_of(old), wait_with(client)

    class MovesAnother(GatewaySocket):
        @property
        def _open_now(self):
            return True

        @_open_now.setter
        def _open_now(self, value):
            new.send_json({"action": "_ws", "_ws": {"move": token}})

    del first.__dict__["_open_now"]
    first.__class__ = MovesAnother
    with override_settings(WEBSOCKETS={"SEND_THREADS": 1}):
        WebSocketSession.objects.disconnect("kicked")
    assert (state(old), state(new), new.closed) == ((False, "moved"), (False, "kicked"), True)


# --- Sends that began before the move ---------------------------------------------------------------


def test_a_row_read_before_the_move_reaches_the_new_connection(page, old):
    before = old.session
    new = move(old, wait_with(page))
    assert before.send_message({"n": 1}) is True
    assert old.receive_all() == [{"n": 1}]
    old.disconnect()
    assert before.send_message({"n": 2}) is True
    assert new.receive_all() == [{"n": 2}]


def test_a_row_read_before_the_move_joins_for_the_new_connection(page, old):
    before = old.session
    before.join("kitchen")
    new = move(old, wait_with(page))
    before.join("lobby")
    before.leave("kitchen")
    before.leave("room")
    rows = WebSocketSession.objects
    assert [list(rows.in_channel(name)) for name in ("lobby", "kitchen", "room")] == [[new.session], [], []]


@pytest.mark.autocommit
@pytest.mark.parametrize("channel", ["lobby", ""])
def test_a_handler_during_the_move_changes_the_new_channel(page, old, channel):
    token, new = token_of(old), wait_with(page)
    meanwhile.append(lambda: ask(new, move=token))
    assert old.send_json({"action": "change", "to": channel}).status_code == 200
    assert (new.session.channel_name, new.session.connected) == (channel, True)


def test_a_broadcast_in_the_background_follows_a_move(page, old):
    before = old.session
    new = move(old, wait_with(page))
    JOBS["deliver"]("b", 1, 1, "default", '{"n":1}', False, [before.pk])
    assert (new.receive_all(), old.receive_all()) == ([{"n": 1}], [])


# --- Clean-up and admin ------------------------------------------------------------------------------


def make_older(socket, **ages):
    rows = WebSocketSession.objects.filter(connection_id=socket.connection_id)
    rows.update(**{name: timezone.now() - timedelta(seconds=age) for name, age in ages.items()})


def test_the_clean_up_keeps_a_moved_row_for_a_minute(page, old):
    new = move(old, wait_with(page))
    make_older(old, created_on=6600, updated_on=50)
    assert WebSocketSession.objects.clear_closed().deleted == 0
    make_older(old, created_on=6600, updated_on=70)
    assert WebSocketSession.objects.clear_closed().deleted == 1
    assert WebSocketSession.objects.get() == new.session


def test_the_clean_up_deletes_a_connection_that_waited_in_vain(page, old):
    new = wait_with(page)
    assert WebSocketSession.objects.clear_closed().deleted == 0
    make_older(new, created_on=70, updated_on=70)
    token = token_of(old)
    assert WebSocketSession.objects.clear_closed().deleted == 1
    assert new.send_json({"action": "_ws", "_ws": {"move": token}}).status_code == 403


def test_the_admin_says_what_became_of_the_connections(page, old, admin_client):
    move(old, wait_with(page))
    wait_with(page)
    text = admin_client.get("/admin/django_aws_api_gateway_websockets/websocketsession/").content.decode()
    assert "replaced by another connection" in text
    assert "waiting for its hand-over" in text


# --- At the same time --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_logout_and_a_move_at_once_leave_nothing_open(alice):
    for _ in range(10):
        page = GatewayClient()
        page.force_login(alice)
        old = page.connect("/ws/", channel="room", query={"ws_v": "1"})
        new, together = wait_with(page), threading.Barrier(2)

        def log_out():
            together.wait(30)  # noqa: B023
            page.logout()  # noqa: B023
            connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            ends = pool.submit(log_out)
            pool.submit(at_once, together, new, token_of(old)).result()
            ends.result()
        assert state(new) == (False, "logout")
        # The logout reads the rows before it closes them. If the move happens in between, the old row keeps its reason.
        assert state(old) in [(False, "logout"), (False, "moved")]
        assert old.closed
        assert new.closed


@pytest.mark.django_db(transaction=True)
def test_of_two_moves_at_once_one_is_accepted(page, old):
    for _ in range(20):
        token = token_of(old)
        waiting = [wait_with(page), wait_with(page)]
        together = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            statuses = list(pool.map(lambda socket: at_once(together, socket, token), waiting))  # noqa: B023
        assert sorted(statuses) == [200, 403]
        (old,) = (socket for socket in waiting if socket.session.connected)
        assert old.session.channel_name == "room"


def at_once(together, socket, token):
    connection.ensure_connection()
    together.wait(30)
    try:
        return socket.send_json({"action": "_ws", "_ws": {"move": token}}).status_code
    finally:
        connections.close_all()
