"""Session rows that tell the truth: questions about them, the two hours, and rows that are opened again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone

from django_aws_api_gateway_websockets.models import ClosedReason, WebSocketSession
from django_aws_api_gateway_websockets.signals import session_connected
from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketView

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
everyone = WebSocketSession.objects
#: The channels that nobody may join any more.
barred = set()


class RoomsView(WebSocketView):
    def can_join(self, request, channel_name):
        return channel_name not in barred

    def default(self, request, *args, **kwargs):
        return HttpResponse()


urlpatterns = [path("ws/<slug:route>", RoomsView.as_view())]


@pytest.fixture(autouse=True)
def _nobody_is_barred():
    barred.clear()


@pytest.fixture
def clients():
    """``clients(user)``: a client that is logged in as ``user``, or anonymous."""
    made = []

    def client(user=None):
        made.append(GatewayClient())
        if user is not None:
            made[-1].force_login(user)
        return made[-1]

    return client


@pytest.fixture
def opened(clients):
    """``opened(user, channel)``: a socket."""
    return lambda user=None, channel=None: clients(user).connect("/ws/", channel)


def make_older(socket, **duration):
    past = timezone.now() - timedelta(**duration)
    everyone.filter(connection_id=socket.connection_id).update(created_on=past, last_activity_on=past)


def ids(rows):
    return {session.connection_id for session in rows}


def speak(socket):
    return socket.send_json({"action": "hello"}).status_code


# --- Questions ----------------------------------------------------------------------------------


def test_open_stale_and_expired_rows(opened):
    new, silent, old, closed = (opened() for _ in range(4))
    make_older(silent, minutes=20)
    make_older(old, hours=2, seconds=1)
    closed.disconnect()
    assert ids(everyone.open()) == {new.connection_id, silent.connection_id}
    assert ids(everyone.stale()) == {silent.connection_id}
    assert ids(everyone.expired()) == {old.connection_id}


def test_rows_of_users(opened, alice, bob):
    mine, hers, _ = opened(alice), opened(bob), opened()
    users = get_user_model().objects
    assert ids(everyone.for_user(alice)) == {mine.connection_id}
    both = {mine.connection_id, hers.connection_id}
    assert ids(everyone.for_user([alice, bob])) == ids(everyone.for_user(users.all())) == both
    assert ids(everyone.for_user(users.none())) == ids(everyone.for_user(AnonymousUser())) == set()


def test_a_queryset_of_users_is_evaluated_when_sending(opened, alice, bob):
    sockets = [opened(alice), opened(bob)]
    staff = everyone.for_user(get_user_model().objects.filter(is_staff=True))
    assert staff.send_message({"n": 1}).total == 0
    bob.is_staff = True
    bob.save()
    assert list(staff.all().send_message({"n": 2}).sent) == [sockets[1].connection_id]


@pytest.mark.parametrize("users", ["alice", 5, None])
def test_for_user_refuses_values_that_are_not_users(users):
    with pytest.raises(TypeError, match=r"for_user\(\) takes a user, or a list or a queryset of users, not "):
        everyone.for_user(users)


@pytest.mark.parametrize("users", [["ann"], (user for user in [7])])
def test_for_user_refuses_a_list_of_names_or_keys(users):
    with pytest.raises(TypeError, match=r"for_user\(\) takes users, not ('ann'|7)\. Load them first"):
        everyone.for_user(users)


def test_for_user_leaves_out_anonymous_users(opened, alice):
    mine = opened(alice)
    assert ids(everyone.for_user([alice, AnonymousUser()])) == {mine.connection_id}


def test_the_channels_of_a_connection(opened):
    session = opened(channel="lobby").session
    for name in ("room-2", "room-1"):
        session.join(name)
    assert session.channels == ["lobby", "room-1", "room-2"]
    session.leave("lobby")
    assert session.channels == ["room-1", "room-2"]


# --- The two hours ------------------------------------------------------------------------------


@pytest.fixture
def old(opened):
    """A socket that AWS would still answer for, although its row is older than two hours."""
    socket = opened(channel="lobby")
    socket.session.join("room-1")
    make_older(socket, hours=2, seconds=1)
    return socket


@pytest.mark.parametrize(
    "look",
    [
        lambda old: everyone.send_message({"n": 1}),
        lambda old: everyone.in_channel("room-1").send_message({"n": 1}),
        lambda old: old.session.send_message({"n": 1}),
        lambda old: everyone.disconnect(),
        lambda old: old.session.disconnect(),
        lambda old: old.session.check_connection(),
        lambda old: call_command("clearWebSocketSessions", verbosity=0),
    ],
    ids=["send", "channel", "send to one", "disconnect", "disconnect one", "check", "clean-up"],
)
def test_an_old_socket_is_closed_without_asking_aws(old, opened, look):
    other = opened()
    look(old)
    assert old.session.closed_reason == ClosedReason.EXPIRED
    assert not old.session.connected
    assert old.receive_nothing()
    assert not old.closed  # nobody called AWS
    assert other.session.closed_reason in ("", ClosedReason.SITE)


def test_a_send_skips_an_old_socket(old, opened):
    other = opened()
    report = everyone.send_message({"n": 1})
    assert (list(report.sent), report.total) == ([other.connection_id], 1)
    assert old.session.send_message({"n": 1}) is False


def test_an_expired_socket_never_comes_back(old):
    everyone.send_message({"n": 1})
    assert speak(old) == 403
    assert not old.session.connected


# --- Rows that are opened again -------------------------------------------------------------------


@pytest.fixture
def gone(clients, alice):
    """A client and its socket, whose row was closed by a mistaken 410."""
    client = clients(alice)
    socket = client.connect("/ws/", "lobby")
    socket.session.join("room-1")
    client.gone(socket)
    assert list(everyone.send_message({"n": 1}).gone) == [socket.connection_id]
    client.recover(socket)
    assert socket.session.closed_reason == ClosedReason.GONE
    assert not everyone.in_channel("room-1").exists()
    return client, socket


def is_back(socket):
    session = socket.session
    return session.connected and session.closed_reason == "" and ids(everyone.in_channel("room-1")) == {str(session)}


def test_a_row_closed_by_a_mistaken_410_comes_back(gone):
    assert speak(gone[1]) == 200
    assert is_back(gone[1])
    assert everyone.in_channel("room-1").send_message({"n": 2}).complete
    assert gone[1].receive_json() == {"n": 2}


def test_a_row_closed_by_a_sweep_comes_back(opened):
    socket = opened(channel="lobby")
    socket.session.join("room-1")
    everyone.mark_disconnected(ClosedReason.SWEPT)
    assert speak(socket) == 200
    assert is_back(socket)


def test_the_clean_up_keeps_a_row_while_it_may_come_back(gone):
    assert everyone.clear_closed().deleted == 0
    assert speak(gone[1]) == 200
    assert is_back(gone[1])
    everyone.mark_disconnected(ClosedReason.GONE)
    everyone.update(updated_on=timezone.now() - timedelta(minutes=12))
    assert speak(gone[1]) == 403
    assert everyone.clear_closed().deleted == 1


def test_a_beat_brings_a_row_back(gone):
    assert gone[1].send_json({"action": "_ws", "_ws": {"beat": True}}).status_code == 200
    assert is_back(gone[1])


def test_a_row_that_is_back_costs_a_message_one_query(gone):
    speak(gone[1])
    speak(gone[1])
    with CaptureQueriesContext(connection) as queries:
        assert speak(gone[1]) == 200
    # With ATOMIC_REQUESTS, there is a savepoint too.
    assert len([one for one in queries if "SAVEPOINT" not in one["sql"]]) == 1


@pytest.mark.parametrize("reason", sorted(set(ClosedReason.values) - {"gone", "swept"}))
def test_a_row_that_was_closed_for_another_reason_stays_closed(opened, reason):
    socket = opened()
    everyone.mark_disconnected(reason)
    assert speak(socket) == 403
    assert socket.session.closed_reason == reason
    assert not socket.session.connected


def log_out(client, user):
    client.logout()


def end_the_session(client, user):
    browser = Client()
    browser.cookies = client.cookies
    browser.session.delete()


def change_the_password(client, user):
    user.set_password("other")
    user.save()


def deactivate(client, user):
    user.is_active = False
    user.save()


def deactivate_without_a_signal(client, user):
    get_user_model().objects.update(is_active=False)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (log_out, ClosedReason.LOGOUT),
        (end_the_session, ClosedReason.SESSION_ENDED),
        (change_the_password, ClosedReason.PASSWORD_CHANGED),
        (deactivate, ClosedReason.USER_INACTIVE),
        (deactivate_without_a_signal, ClosedReason.USER_INACTIVE),
        (lambda client, user: client._opened[0].disconnect(), ClosedReason.CLIENT),
        (lambda client, user: client._opened[0].session.disconnect("kicked"), ClosedReason.KICKED),
    ],
)
def test_a_row_does_not_come_back_after_its_end(gone, alice, end, reason):
    client, socket = gone
    end(client, alice)
    socket._open_now = True  # the message was on its way
    assert speak(socket) == 403
    assert socket.session.closed_reason == reason
    assert not socket.session.connected
    assert not everyone.in_channel("room-1").exists()


def test_a_row_comes_back_without_channels_its_user_lost(gone):
    barred.add("room-1")
    assert speak(gone[1]) == 200
    assert gone[1].session.connected
    assert gone[1].session.channels == ["lobby"]


def test_a_row_whose_own_channel_is_lost_stays_closed(gone):
    barred.add("lobby")
    opened = []
    session_connected.connect(lambda **about: opened.append(about), weak=False, dispatch_uid="opened")
    try:
        assert [speak(gone[1]), speak(gone[1])] == [403, 403]
    finally:
        session_connected.disconnect(dispatch_uid="opened")
    assert gone[1].session.closed_reason == ClosedReason.REFUSED
    assert not opened
