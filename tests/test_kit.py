"""The kit for tests of a site: faults by name, what was sent to whom, commits, async tests, a live gateway, pytest."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.test import RequestFactory, override_settings
from websockets.sync.client import connect as connect_for_real

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.testing import AsyncGatewayClient, GatewayClient, LiveGateway
from tests.event_loop import run

from .views import ExampleView

ROOT = Path(__file__).resolve().parent.parent


def example(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FaultTests = example("kit_test").FaultTests
# The example is for the view of the quickstart.
LiveTests = override_settings(ROOT_URLCONF="docs.examples.quickstart.urls")(example("live_gateway_test").LiveTests)
HandlerTests = example("bare_view_test").HandlerTests


@pytest.fixture
def client(db):
    return GatewayClient()


@pytest.fixture
def sockets(client):
    return [client.connect("/ws/", "Room 1") for _ in range(2)]


def send(text="hello"):
    return WebSocketSession.objects.order_by("pk").send_message({"text": text})


def test_join_returns_the_answer_and_leaves_other_messages(sockets):
    send("before")
    answer = sockets[0].join("room 2")
    assert answer["joined"] == {"room 2": None}
    assert sockets[0].receive_all() == [{"text": "before"}]
    assert sockets[0].join("")["refused"] == {"": 400}


def test_join_uses_the_key_of_the_route_selection_expression(gateway):
    gateway.route_selection_expression = "$request.body.kind"
    gateway.save()
    assert GatewayClient(gateway).connect("/ws/").join("room 2")["status"] == 200


def test_join_without_an_answer_fails(client, sockets):
    client.slow_consumer(sockets[0])
    with pytest.raises(AssertionError, match="The join got no answer"):
        sockets[0].join("room 2")


def test_receive_all_empties_the_socket(sockets):
    send("one")
    send("two")
    assert sockets[0].receive_all() == [{"text": "one"}, {"text": "two"}]
    assert sockets[0].receive_all() == []


# --- Faults -----------------------------------------------------------------------------------------


def test_lost_disconnect_leaves_the_row_connected(client, sockets):
    client.lost_disconnect(sockets[0])
    assert sockets[0].session.connected
    assert send().gone == [sockets[0].connection_id]
    assert not sockets[0].session.connected
    assert sockets[1].receive_all() == [{"text": "hello"}]


def test_gone_closes_the_row_at_the_next_send(client, sockets):
    client.gone()
    assert len(send().gone) == 2
    assert not WebSocketSession.objects.filter(connected=True).exists()


def test_throttled_sends_are_in_the_report(client, sockets):
    client.throttled()
    report = WebSocketSession.objects.send_message({"text": "x"}, deadline=0.3)
    # Which of the two it is, a send to more recipients finds out.
    assert (len(report.sent), len(report.throttled) + len(report.slow)) == (0, 2)
    assert WebSocketSession.objects.filter(connected=True).count() == 2
    client.recover()
    assert len(send().sent) == 2


def test_a_slow_consumer_is_slow_alone(client, sockets):
    client.slow_consumer(sockets[0])
    report = WebSocketSession.objects.send_message({"text": "x"}, deadline=0.3)
    assert (report.sent, report.slow) == ([sockets[1].connection_id], [sockets[0].connection_id])
    assert sockets[0].receive_nothing() and sockets[1].receive_all() == [{"text": "x"}]


def test_a_timeout_delivers_and_is_no_success(client, sockets):
    client.timeout(sockets[0])
    report = send()
    assert report.timed_out == [sockets[0].connection_id]
    assert sockets[0].receive_all() == [{"text": "hello"}]
    assert sockets[0].session.connected


def test_a_duplicate_connect_makes_no_second_row(client, sockets):
    answers = client.duplicate_connect(sockets[0])
    assert len(answers) == 1
    assert WebSocketSession.objects.count() == 2


def test_two_hours_later_the_row_is_closed(client, sockets):
    client.two_hours_later()
    assert all(socket.closed and not socket.session.connected for socket in sockets)


# --- What was sent to whom --------------------------------------------------------------------------


def test_travel_closes_what_is_idle_or_too_old(client, sockets):
    talks, silent = sockets
    client.travel(timedelta(minutes=9))
    assert not talks.closed
    assert not silent.closed
    talks.send_json({"action": "help"})
    client.travel(timedelta(minutes=9))
    assert (talks.closed, silent.closed) == (False, True)
    assert (talks.session.connected, silent.session.connected) == (True, False)
    for _ in range(12):
        if not talks.closed:
            talks.send_json({"action": "help"})
            client.travel(timedelta(minutes=9), talks)
    assert talks.closed


def test_travel_makes_rows_older(client, sockets):
    before = [socket.session.created_on for socket in sockets]
    client.travel(timedelta(minutes=5), sockets[0])
    after = [socket.session.created_on for socket in sockets]
    assert after == [before[0] - timedelta(minutes=5), before[1]]


def test_a_bare_view_joins_a_channel(client, alice):
    socket = client.connect("/ws/", "Room 1")
    view = ExampleView()
    view.websocket_session = socket.session
    request = RequestFactory().post("/ws/default")
    request.user = alice
    view.join_channel(request, "Room 2")
    view.help(request)
    assert socket.session.channel_name == "Room 2"
    assert socket.receive_json() == {"help": ["test", "help"]}


def test_assert_sent_by_user_channel_row_and_socket(client, alice, bob):
    client.force_login(alice)
    socket = client.connect("/ws/", "Room 1")
    socket.session.send_message({"type": "news", "from": {"name": "bob", "age": 7}})
    for to in (None, alice, "Room 1", socket.session, socket):
        client.assert_sent(to=to, containing={"type": "news"})
        client.assert_sent(to=to, containing={"from": {"name": "bob"}})
        client.assert_sent(to=to, containing="news")
    with pytest.raises(AssertionError, match="1 messages to"):
        client.assert_not_sent(to=alice)


@pytest.mark.parametrize(
    ("to", "containing"),
    [("bob", None), ("Room 2", None), (None, {"type": "old"}), (None, "olds"), ("alice", {"x": None})],
)
def test_assert_sent_fails_for_messages_that_were_not_sent(client, alice, bob, to, containing):
    client.force_login(alice)
    client.connect("/ws/", "Room 1").session.send_message({"type": "news"})
    to = {"alice": alice, "bob": bob}.get(to, to)
    client.assert_not_sent(to=to, containing=containing)
    with pytest.raises(AssertionError, match="Sent was:"):
        client.assert_sent(to=to, containing=containing)


def test_assert_sent_knows_the_channels_that_a_socket_joined(client, alice):
    client.force_login(alice)
    socket = client.connect("/ws/", "Room")
    socket.session.join("News")
    socket.session.send_message({"n": 1})
    for name in ("Room", "News"):
        client.assert_sent(to=name)
    with pytest.raises(AssertionError, match="to 'News'"):
        client.assert_not_sent(to="News")
    client.assert_not_sent(to="Elsewhere")


def test_assert_sent_knows_messages_that_were_received(client):
    socket = client.connect("/ws/", "Room 1")
    socket.send_json({"action": "help"})
    assert socket.receive_all()
    client.assert_sent(to=socket, containing={"help": ["test", "help"]})


def test_nothing_was_sent_says_so(client, sockets):
    with pytest.raises(AssertionError, match="Nothing was sent"):
        client.assert_sent(containing="x")


# --- Commits ----------------------------------------------------------------------------------------


def test_an_on_commit_send_of_a_handler_arrives(client, settings):
    settings.ROOT_URLCONF = "tests.kit_urls"
    socket = client.connect("/ws/", "Room 1")
    socket.send_json({"action": "later"})
    assert socket.receive_all() == [{"later": True}]


def test_within_a_transaction_of_ones_own_it_waits(client, settings):
    settings.ROOT_URLCONF = "tests.kit_urls"
    socket = client.connect("/ws/", "Room 1")
    with transaction.atomic():
        socket.send_json({"action": "later"})
        assert socket.receive_nothing()


@pytest.mark.django_db(transaction=True)
def test_with_real_commits_it_arrives_once(client, settings):
    settings.ROOT_URLCONF = "tests.kit_urls"
    socket = client.connect("/ws/", "Room 1")
    socket.send_json({"action": "later"})
    assert socket.receive_all() == [{"later": True}]


# --- Async, live, pytest ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_async_twin(alice):
    async def chat():
        client = AsyncGatewayClient()
        await client.force_login(alice)
        socket = await client.connect("/ws/", "Room 1")
        await socket.send_json({"action": "test", "text": "Hello"})
        assert socket.receive_all() == [{"from": "alice", "text": "Hello"}]
        await client.assert_sent(to=alice, containing="Hello")
        await client.gone()
        await (await socket.asession()).asend_message({"x": 1})
        assert not (await socket.asession()).connected

    run(chat())


def test_a_live_gateway_in_front_of_the_live_server(live_server):
    with LiveGateway(live_server.url) as live, connect_for_real(live.url, origin=live_server.url) as socket:
        socket.send(json.dumps({"action": "help"}))
        assert json.loads(socket.recv(5)) == {"help": ["test", "help"]}


SITE = """
    SECRET_KEY = "x" * 60
    ALLOWED_HOSTS = ["*"]
    ROOT_URLCONF = "shop"
    USE_TZ = True
    STATIC_URL = "/static/"
    INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                      "django_aws_api_gateway_websockets"]
    MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware",
                  "django.contrib.auth.middleware.AuthenticationMiddleware"]
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
"""
SHOP = """
    from django.urls import path
    from django_aws_api_gateway_websockets.views import WebSocketView

    class Shop(WebSocketView):
        def price(self, request, *args, **kwargs):
            self.websocket_session.send_message({"price": 7})

    urlpatterns = [path("ws/<slug:route>", Shop.as_view())]
"""
TESTS = """
    import json
    from websockets.sync.client import connect

    def test_in_process(gateway_client):
        socket = gateway_client.connect("/ws/")
        socket.send_json({"action": "price"})
        assert socket.receive_all() == [{"price": 7}]
        gateway_client.assert_sent(containing={"price": 7})

    def test_live(live_gateway, live_server):
        with connect(live_gateway.url, origin=live_server.url) as socket:
            socket.send(json.dumps({"action": "price"}))
            assert json.loads(socket.recv(5)) == {"price": 7}
"""
PLUGIN = "django_aws_api_gateway_websockets.pytest_plugin"


def run_pytest(folder, *words):
    command = [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN, "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, env=environment(folder))


def environment(folder):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTEST_", "AWS_"))}
    return {**kept, "PYTHONPATH": f"{ROOT / 'src'}:{folder}"}


@pytest.mark.end_to_end
def test_the_fixtures_test_a_site_of_ones_own(tmp_path):
    for name, text in (("site_settings", SITE), ("shop", SHOP), ("test_shop", TESTS)):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
    done = run_pytest(tmp_path, "--ds=site_settings", "test_shop.py")
    assert "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.end_to_end
@pytest.mark.parametrize("fixture", ["gateway_client", "live_gateway"])
def test_without_pytest_django_the_fixtures_name_it(tmp_path, fixture):
    (tmp_path / "test_other.py").write_text(f"def test_other({fixture}):\n    pass\n")
    done = run_pytest(tmp_path, "-p", "no:django", "test_other.py")
    assert done.returncode == 1
    assert f"The fixture {fixture} needs pytest-django. Run: pip install pytest-django." in done.stdout
    assert "not found" not in done.stdout


@pytest.mark.end_to_end
def test_the_plugin_sleeps_where_it_is_not_used(tmp_path):
    (tmp_path / "test_other.py").write_text(
        "import sys\n\ndef test_other():\n"
        "    assert not [name for name in sys.modules if name.startswith('django_aws_api') and 'models' in name]\n"
    )
    done = run_pytest(tmp_path, "-p", "no:django", "test_other.py")
    assert "1 passed" in done.stdout, done.stdout + done.stderr
