"""Who is there: the answers to questions, the signals, and what pages are told."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from datetime import datetime, timedelta
from datetime import timezone as dt_timezone

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Group
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone

from django_aws_api_gateway_websockets import signals
from django_aws_api_gateway_websockets.background.work import JOBS
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.models.announced import AnnouncedUser, joined
from django_aws_api_gateway_websockets.models.closing import close_connections
from django_aws_api_gateway_websockets.models.lookups import IsAnyOf
from django_aws_api_gateway_websockets.presence import is_online, online, presence
from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.testing.commits import committed
from django_aws_api_gateway_websockets.views import WebSocketView

from .listening import listening

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
NAMES = ("user_joined", "user_left", "user_online", "user_offline")


class RoomView(WebSocketView):
    def move(self, request, *args, **kwargs):
        self.join_channel(request, self.body["to"])

    def enter(self, request, *args, **kwargs):
        self.websocket_session.join(self.body["room"])

    def quit(self, request, *args, **kwargs):
        self.websocket_session.leave(self.body["room"])


urlpatterns = [path("ws/<slug:route>", RoomView.as_view())]


@pytest.fixture
def page():
    """``page(user, channel)``: the socket of a new page. ``page.clients[user]`` is the user's browser."""

    def page(user=None, channel=None, speaks=True):
        client = page.clients.setdefault(user, GatewayClient())
        if user is not None:
            client.force_login(user)
        return client.connect("/ws/", channel, query={"ws_v": "1"} if speaks else {})

    page.clients = {}
    return page


@pytest.fixture
def heard():
    """What receivers of the four signals got, in order, such as ("user_joined", "alice", "room-1")."""
    heard = []

    def receive(name, sender, user, signal, channel_name=""):
        assert sender is get_user_model()
        heard.append((name, user.username, channel_name))

    with listening(NAMES, receive):
        yield heard


@pytest.fixture
def options(settings):
    def options(**values):
        settings.WEBSOCKETS = {**getattr(settings, "WEBSOCKETS", {}), **values}

    return options


def later(page, **duration):
    """Let time pass for everybody. The clean-up runs at the end."""
    duration = timedelta(**duration)
    for client in page.clients.values():
        for socket in client._sockets():
            socket.travel(duration)
    AnnouncedUser.objects.filter(check_after__isnull=False).update(check_after=F("check_after") - duration)
    clean_up()


def clean_up():
    with committed():
        call_command("clearWebSocketSessions", "--older-than", "1d", verbosity=0)


def taken(heard):
    found, heard[:] = heard[:], []
    return found


# --- Questions ----------------------------------------------------------------------------------


def test_presence_counts_the_connections_of_each_user(page, alice, bob, django_assert_num_queries):
    for user, channel in (
        (alice, "room"),
        (alice, "room"),
        (alice, "other"),
        (bob, "room"),
        (None, "room"),
        (None, ""),
    ):
        page(user, channel)
    page(bob, "other").session.join("room")
    with django_assert_num_queries(2):
        found = presence("room")
    assert (found.users, found.anonymous) == ({alice: 2, bob: 2}, 1)
    assert (presence("nowhere").users, presence("nowhere").anonymous) == ({}, 0)


@pytest.mark.parametrize("count", [2, 600])
def test_many_users_are_found_with_few_parameters(page, count):
    gateway = page().session.api_gateway
    get_user_model().objects.bulk_create(
        get_user_model()(username=f"user{number}", email=f"user{number}@example.com") for number in range(count)
    )
    WebSocketSession.objects.bulk_create(
        WebSocketSession(connection_id=user.username, user=user, api_gateway=gateway, channel_name="room")
        for user in get_user_model().objects.filter(username__startswith="user")
    )
    users = set(get_user_model().objects.filter(username__startswith="user"))
    with few_parameters(510):
        assert presence("room").users == dict.fromkeys(users, 1)
        assert online([*users, AnonymousUser()]) == users


@contextmanager
def few_parameters(most):
    """Let SQLite be an old version, which took 999 parameters."""
    if not hasattr(connection.connection, "setlimit"):  # another database, or Python 3.10
        yield
        return
    variables = 9  # SQLITE_LIMIT_VARIABLE_NUMBER
    before = connection.connection.setlimit(variables, most)
    try:
        yield
    finally:
        connection.connection.setlimit(variables, before)


def test_the_field_of_the_key_prepares_the_values():
    with pytest.raises(ValueError, match="expected a number but got 'seven'"):
        WebSocketSession.objects.filter(IsAnyOf("pk", ["seven"]))


def test_online_takes_a_list_or_a_queryset_with_one_query(page, make_user, alice, bob, django_assert_num_queries):
    carol = make_user("carol")
    page(alice), page(alice), page(carol).disconnect(), page()
    everybody = get_user_model().objects.order_by("username")
    for users in ([alice, bob, carol], (alice,), everybody, everybody.exclude(pk=bob.pk)):
        with django_assert_num_queries(1):
            assert online(users) == {alice}
    assert online(everybody[:2]) == {alice}
    assert online(everybody.filter(pk=alice.pk).order_by().union(everybody.filter(pk=bob.pk).order_by())) == {alice}
    assert online([]) == online(everybody.none()) == set()


@pytest.mark.parametrize("name", ["alice", 1, None])
def test_is_online_takes_a_user(name):
    with pytest.raises(TypeError, match="takes a user"):
        is_online(name)


@pytest.mark.parametrize(
    ("users", "named"),
    [
        (["ann"], "not 'ann'. Load them first"),
        ([7], "not 7. Load them first"),
        ("ann", "not 'ann'. For one user, call is_online"),
        (7, "not 7. For one user"),
        (Group.objects.all, "Load them first"),
    ],
)
def test_online_refuses_what_is_not_a_user(db, users, named):
    if callable(users):
        Group.objects.create(name="staff")
        users = users()
    with pytest.raises(TypeError, match=re.escape(named)):
        online(users)


def test_presence_takes_a_channel_name(alice):
    with pytest.raises(TypeError, match=r"presence takes the name of a channel, not <.*For a user, call is_online"):
        presence(alice)


def test_online_refuses_a_single_user(alice):
    with pytest.raises(TypeError, match="For one user, call is_online"):
        online(alice)


def test_is_online_costs_one_query(page, alice, bob, django_assert_num_queries):
    page(alice), page()
    with django_assert_num_queries(2):
        assert (is_online(alice), is_online(bob)) == (True, False)
    with django_assert_num_queries(0):
        assert not is_online(AnonymousUser())


@pytest.mark.parametrize("speaks", [False, True], ids=["plain", "GatewaySocket"])
def test_a_lost_connection_stops_counting_within_the_bound(page, alice, speaks):
    socket = page(alice, "room", speaks)
    page.clients[alice].lost_disconnect()
    WebSocketSession.objects.update(created_on=timezone.now())
    socket.travel(timedelta(minutes=10, seconds=30))
    assert is_online(alice)
    socket.travel(timedelta(minutes=1))
    assert is_online(alice) is not speaks
    socket.travel(timedelta(hours=1, minutes=47))
    assert is_online(alice) is not speaks
    socket.travel(timedelta(minutes=2))
    assert not is_online(alice)
    assert presence("room").users == {}
    assert online([alice]) == set()


def test_beats_keep_a_connection_in_the_list(page, alice):
    socket = page(alice, "room")
    for _ in range(4):
        socket.travel(timedelta(minutes=8))
        socket.send_json({"action": "_ws", "_ws": {"beat": True}})
    assert presence("room").users == {alice: 1}


# --- Signals ------------------------------------------------------------------------------------


def test_the_first_tab_joins_and_the_last_one_leaves(page, alice, heard):
    tabs = [page(alice, "room"), page(alice, "room")]
    assert taken(heard) == [("user_online", "alice", ""), ("user_joined", "alice", "room")]
    tabs[0].disconnect()
    later(page, minutes=1)
    assert taken(heard) == []
    tabs[1].disconnect()
    clean_up()
    assert taken(heard) == []
    later(page, seconds=16)
    assert sorted(taken(heard)) == [("user_left", "alice", "room"), ("user_offline", "alice", "")]
    later(page, minutes=1)
    assert taken(heard) == []
    page(alice, "room")
    assert taken(heard) == [("user_online", "alice", ""), ("user_joined", "alice", "room")]


def test_a_reload_announces_nothing(page, alice, heard):
    page(alice, "room").disconnect()
    taken(heard)
    later(page, seconds=14)
    page(alice, "room")
    later(page, minutes=1)
    assert taken(heard) == []


def test_the_grace_period_begins_with_the_last_end(page, alice, heard):
    tabs = [page(alice, "room"), page(alice, "room")]
    taken(heard)
    tabs[0].disconnect()
    later(page, seconds=14)
    tabs[1].disconnect()
    later(page, seconds=14)
    assert taken(heard) == []
    later(page, seconds=2)
    assert len(taken(heard)) == 2


def test_the_grace_period_is_an_option(page, alice, heard, options):
    options(PRESENCE_GRACE=60)
    page(alice).disconnect()
    later(page, seconds=59)
    assert [name for name, *_ in heard] == ["user_online"]
    later(page, seconds=2)
    assert [name for name, *_ in heard] == ["user_online", "user_offline"]


def test_joins_and_leaves_of_one_connection_are_announced(page, alice, heard):
    socket = page(alice, "lobby")
    taken(heard)
    socket.send_json({"action": "enter", "room": "one"})
    socket.send_json({"action": "enter", "room": "one"})
    socket.send_json({"action": "_ws", "_ws": {"id": "r-1", "join": {"two": None}}})
    socket.send_json({"action": "move", "to": "hall"})
    assert taken(heard) == [("user_joined", "alice", name) for name in ("one", "two", "hall")]
    socket.send_json({"action": "quit", "room": "one"})
    socket.send_json({"action": "_ws", "_ws": {"id": "r-2", "leave": ["two"]}})
    later(page, seconds=16)
    assert sorted(taken(heard)) == [("user_left", "alice", name) for name in ("lobby", "one", "two")]


def test_a_hand_over_announces_nothing(page, alice, heard):
    old = page(alice, "room")
    join(old, "two")
    taken(heard)
    old.receive_all()
    old.send_json({"action": "_ws", "_ws": {"beat": True}})
    new = page.clients[alice].connect("/ws/", query={"ws_v": "1", "ws_wait": "1"})
    new.send_json({"action": "_ws", "_ws": {"id": "r-1", "move": old.receive_json()["_ws"]["move"]}})
    assert new.session.connected
    old.disconnect()
    later(page, minutes=1)
    assert taken(heard) == []
    assert presence("room").users == presence("two").users == {alice: 1}


def test_a_connection_found_gone_by_mistake_comes_back(page, alice, heard):
    socket = page(alice, "room")
    socket.send_json({"action": "enter", "room": "two"})
    taken(heard)
    with committed():
        WebSocketSession.objects.mark_disconnected("gone")
    later(page, seconds=16)
    assert [name for name, *_ in taken(heard)].count("user_left") == 2
    socket.send_json({"action": "_ws", "_ws": {"beat": True}})
    assert sorted(taken(heard)) == [
        ("user_joined", "alice", "room"),
        ("user_joined", "alice", "two"),
        ("user_online", "alice", ""),
    ]


def test_anonymous_visitors_are_not_announced(page, heard):
    page(None, "room").disconnect()
    later(page, minutes=1)
    assert heard == []


@pytest.mark.parametrize("wait", [{"minutes": 12}, {"hours": 2, "minutes": 1}], ids=["GatewaySocket", "plain"])
def test_a_lost_connection_is_announced_by_the_clean_up(page, alice, heard, wait):
    page(alice, "room", speaks="hours" not in wait).vanish()
    taken(heard)
    later(page, minutes=9)
    assert taken(heard) == []
    later(page, **wait)
    later(page, seconds=16)
    assert sorted(taken(heard)) == [("user_left", "alice", "room"), ("user_offline", "alice", "")]


def test_users_whose_connections_close_together_leave(page, alice, bob, heard, django_capture_on_commit_callbacks):
    page(alice, "room"), page(alice, "room"), page(bob, "room")
    taken(heard)
    with django_capture_on_commit_callbacks(execute=True):
        close_connections(WebSocketSession.objects.all(), "logout")
    later(page, seconds=16)
    assert sorted(taken(heard)) == sorted(
        (name, user, "room" if name == "user_left" else "")
        for name in ("user_left", "user_offline")
        for user in ("alice", "bob")
    )


def test_a_deleted_user_leaves_at_once(page, alice, heard, django_capture_on_commit_callbacks):
    page(alice, "room")
    taken(heard)
    with django_capture_on_commit_callbacks(execute=True):
        alice.delete()
    assert sorted(taken(heard)) == [("user_left", "alice", "room"), ("user_offline", "alice", "")]
    assert not AnnouncedUser.objects.exists()


def test_the_task_engine_announces_who_left(page, alice, heard, options):
    options(BACKGROUND=f"{__name__}.remember")
    jobs.clear()
    page(alice, "room").disconnect()
    taken(heard)
    (job,) = jobs
    assert (job.name, job.delay) == ("check_presence", 15)
    JOBS[job.name](*job.arguments)
    assert taken(heard) == []
    AnnouncedUser.objects.update(check_after=timezone.now())
    with committed():
        JOBS[job.name](*job.arguments)
    assert len(taken(heard)) == 2


jobs = []


def remember(new):
    jobs.extend(new)


def test_celery_checks_after_the_grace_period(page, alice, heard, options):
    app = pytest.importorskip("celery").Celery("presence", broker="memory://", set_as_current=True)
    options(BACKGROUND="celery")
    page(alice, "room").disconnect()
    with app.connection_for_read() as broker:
        message = broker.SimpleQueue("celery").get_nowait()
    assert message.headers["task"].endswith(".check_presence")
    wait = datetime.fromisoformat(message.headers["eta"]) - datetime.now(dt_timezone.utc)
    assert 10 < wait.total_seconds() <= 15


@pytest.mark.parametrize(("backend", "tasks"), [("dummy.DummyBackend", 1), ("immediate.ImmediateBackend", 0)])
def test_django_tasks_check_after_the_grace_period(page, alice, heard, options, settings, backend, tasks):
    """A backend that cannot wait leaves it to the clean-up."""
    module = "django_aws_api_gateway_websockets.background.django_tasks"
    engine = pytest.importorskip(module, reason="needs Django 6, or the backport")
    settings.TASKS = {"default": {"BACKEND": f"{engine._tasks.__name__}.backends.{backend}"}}
    options(BACKGROUND="tasks")
    page(alice, "room").disconnect()
    results = getattr(engine.task_backends["default"], "results", [])
    assert [result.args[0] for result in results] == ["check_presence"] * tasks
    assert all(10 < (result.task.run_after - timezone.now()).total_seconds() <= 15 for result in results)
    later(page, seconds=16)
    assert len(taken(heard)) == 4


def test_a_broken_task_engine_breaks_no_disconnect(page, alice, heard, options, caplog):
    options(BACKGROUND=f"{__name__}.no_such_engine")
    assert page(alice, "room").disconnect().status_code == 200
    assert "did not accept a check of presence" in caplog.text
    later(page, seconds=16)
    assert len(taken(heard)) == 4


def test_rows_are_kept_only_for_signals_with_receivers(page, alice):
    def receive(sender, **kwargs):
        pass

    page(alice, "room")
    assert not AnnouncedUser.objects.exists()
    signals.user_left.connect(receive)
    try:
        page(alice, "room")
        assert list(AnnouncedUser.objects.values_list("channel_name", flat=True)) == ["room"]
    finally:
        signals.user_left.disconnect(receive)


def test_without_presence_no_statement_is_run(page, alice):
    session = page(alice, "room").session
    with CaptureQueriesContext(connection) as asked:
        session.mark_disconnected("client")
    statements = [one["sql"].split()[0] for one in asked.captured_queries if "SAVEPOINT" not in one["sql"]]
    assert statements == ["UPDATE", "UPDATE"]  # the row and its memberships


def test_presence_costs_one_statement_per_arrival(page, alice, heard):
    page(alice, "room")
    session = page(alice).session
    session.user  # noqa: B018  loads it
    with committed():
        session.join_all(["room", "lobby"])
    with CaptureQueriesContext(connection) as asked, committed():
        joined(session, ["room", "lobby"])
    assert [one["sql"].split()[0] for one in asked.captured_queries if "SAVEPOINT" not in one["sql"]] == ["SELECT"]


# --- What pages are told ------------------------------------------------------------------------


def presence_frames(socket):
    return [message["_ws"]["presence"] for message in socket.receive_all() if "presence" in message["_ws"]]


def join(socket, channel):
    assert (
        socket.send_json({"action": "_ws", "_ws": {"id": f"join-{channel}", "join": {channel: None}}}).status_code
        == 200
    )


def seen(user):
    return {"id": json.loads(json.dumps(user.pk, default=str)), "name": user.get_username()}


def test_pages_get_the_list_of_users_and_each_change(page, alice, bob, options):
    options(PRESENCE_CHANNELS=["room-*"])
    first, plain = page(alice), page(None, "room-1", speaks=False)
    join(first, "room-1")
    assert presence_frames(first) == [{"list": [seen(alice)]}]
    second = page(bob)
    join(second, "room-1")
    assert presence_frames(second) == [{"list": [seen(alice), seen(bob)]}]
    assert presence_frames(first) == [{"joined": [seen(bob)]}]
    second.disconnect()
    later(page, seconds=16)
    assert presence_frames(first) == [{"left": [seen(bob)]}]
    assert plain.receive_nothing()


def test_pages_in_the_channel_of_the_connect_get_the_list_too(page, alice, bob, options):
    options(PRESENCE_CHANNELS=["room-*"])
    first = page(alice, "room-1")
    assert first.receive_nothing()
    join(first, "room-1")
    assert presence_frames(first) == [{"list": [seen(alice)]}]
    page(bob, "room-1")
    assert presence_frames(first) == [{"joined": [seen(bob)]}]


def test_pages_in_other_channels_get_no_list(page, alice, bob, options):
    options(PRESENCE_CHANNELS=["room-*"])
    first = page(alice)
    join(first, "lobby")
    page(bob, "lobby")
    assert presence_frames(first) == []


def hide_bob(user, channel_name):
    return None if user.username == "bob" else f"{user.username} in {channel_name}"


def test_the_site_decides_what_is_shown_of_a_user(page, alice, bob, make_user, options):
    options(PRESENCE_CHANNELS=["*"], PRESENCE_USER=f"{__name__}.hide_bob")
    first = page(alice)
    join(first, "room")
    page(bob, "room"), page(make_user("carol"), "room")
    assert presence_frames(first) == [{"list": ["alice in room"]}, {"joined": ["carol in room"]}]


def fail(user, channel_name):
    raise RuntimeError("a bug in the site")


def test_a_bug_in_the_hook_breaks_no_connect(page, alice, options, caplog):
    options(PRESENCE_CHANNELS=["*"], PRESENCE_USER=f"{__name__}.fail")
    page(alice, "room")
    assert "were not told who came or went" in caplog.text
