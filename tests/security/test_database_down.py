"""The database is down. Events get 503 at once, and nothing is half written."""

from __future__ import annotations

import os
import shutil
import socket as network
import subprocess
import tempfile
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections
from django.test import Client
from django.urls import path
from django.utils import timezone

from django_aws_api_gateway_websockets.history import publish
from django_aws_api_gateway_websockets.models import ApiGateway, ClosedReason, WebSocketSession
from django_aws_api_gateway_websockets.presence import presence
from tests.views import ExampleView


class MixinView(PermissionRequiredMixin, ExampleView):
    permission_required = "auth.view_user"


class WritingView(ExampleView):
    def test(self, request, *args, **kwargs):
        ApiGateway.objects.create(api_name="half", target_base_endpoint="https://testserver/ws/")
        raise OperationalError("the server closed the connection unexpectedly")


urlpatterns = [
    path("ws/<slug:route>", ExampleView.as_view()),
    path("mixin/<slug:route>", MixinView.as_view()),
    path("writing/<slug:route>", WritingView.as_view()),
]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


class Down:
    """A database that fails from the statement number ``after`` on."""

    def __init__(self, error=OperationalError, after=0):
        self.error, self.left = error, after

    def __call__(self, execute, *args):
        self.left -= 1
        if self.left < 0:
            raise self.error("connection refused")
        return execute(*args)


def post(headers, route, mount="ws"):
    return Client().post(
        f"/{mount}/{route}",
        {"action": "refuse"},
        content_type="application/json",
        headers={"Origin": "http://testserver", **headers},
    )


@pytest.mark.autocommit
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize(
    ("mount", "route"),
    [("ws", "connect"), ("ws", "disconnect"), ("ws", "default"), ("mixin", "disconnect"), ("mixin", "default")],
)
def test_an_event_gets_503_and_is_told_to_come_again(connect, alice, route, mount, error):
    socket = connect(alice)
    headers = socket.event_headers(f"${route}")
    with connection.execute_wrapper(Down(error)):
        response = post(headers, route, mount)
    assert response.status_code == 503
    assert (response["Retry-After"], response.json()) == ("5", {"message": "The database is not available. Try again."})
    assert socket.session.connected


@pytest.mark.parametrize(
    "call",
    [
        lambda: publish("room-1", {"n": 1}),
        lambda: publish("plain", {"n": 1}),
        lambda: WebSocketSession.objects.all().send_message({"n": 1}),
        lambda: presence("room-1"),
    ],
    ids=["publish", "publish-without-history", "send_message", "presence"],
)
def test_your_own_code_gets_an_operational_error(connect, alice, settings, call):
    settings.WEBSOCKETS = {"HISTORY": {"room-*": {"size": 10}}}
    sockets = [connect(alice, channel) for channel in ("room-1", "plain")]
    with connection.execute_wrapper(Down()), pytest.raises(OperationalError):
        call()
    assert all(socket.receive_nothing() for socket in sockets)


@pytest.mark.autocommit
def test_no_event_gets_200_if_its_work_was_lost(connect, alice, settings):
    settings.WEBSOCKETS = {"CONNECTS_PER_IP": None}
    socket = connect(alice)
    before = WebSocketSession.objects.count()
    statuses = []
    with connection.execute_wrapper(Down()):
        for number in range(200):
            route = ("connect", "default", "disconnect")[number % 3]
            headers = socket.event_headers(f"${route}")
            if route == "connect":
                headers["connectionId"] = f"new{number}="
            statuses.append(post(headers, route).status_code)
    assert statuses == [503] * 200
    assert WebSocketSession.objects.count() == before
    assert socket.session.connected


@pytest.mark.autocommit
@pytest.mark.parametrize("after", range(4))
def test_a_connect_that_fails_half_way_is_not_accepted(connect, alice, after):
    socket = connect(alice)
    headers = {**socket.event_headers("$connect"), "connectionId": "half="}
    with connection.execute_wrapper(Down(after=after)):
        response = post(headers, "connect")
    written = WebSocketSession.objects.filter(connection_id="half=").exists()
    assert (response.status_code, written) == ((503, False) if response.status_code == 503 else (200, True))


@pytest.mark.parametrize("atomic", [True, False])
def test_with_atomic_requests_a_failure_is_rolled_back(connect, alice, gateway, monkeypatch, atomic):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    socket = connect(alice, path="/writing/")
    before = ApiGateway.objects.count()
    assert socket.send_json({"action": "test"}).status_code == 503
    assert ApiGateway.objects.count() == before + (0 if atomic else 1)


@pytest.mark.autocommit
def test_the_log_says_what_failed_and_the_answer_does_not(connect, alice, caplog):
    socket = connect(alice)
    with connection.execute_wrapper(Down()):
        response = post(socket.event_headers("$default"), "default")
    assert "The database failed during an event for /ws/default" in caplog.text
    assert "connection refused" in caplog.text
    assert "refused" not in response.content.decode()


@pytest.mark.skipif("postgresql" not in connection.settings_dict["ENGINE"], reason="needs PostgreSQL")
def test_a_server_that_is_gone_is_noticed_within_5_seconds(connect, alice):
    socket = connect(alice)
    with network.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        free = taken.getsockname()[1]
    good = connection.settings_dict["PORT"]
    connections["default"].close()
    connection.settings_dict["PORT"] = free
    try:
        started = time.monotonic()
        assert post(socket.event_headers("$default"), "default").status_code == 503
        assert time.monotonic() - started < 5
    finally:
        connection.settings_dict["PORT"] = good
        connections["default"].close()
    assert post(socket.event_headers("$default"), "default").status_code == 400


@contextmanager
def stopped_database():
    """PostgreSQL takes no connection to the tests' database, and has ended those that there were."""
    name = connection.settings_dict["NAME"]
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


class Server:
    """A separate PostgreSQL server, which a test can stop."""

    def __init__(self, programs, folder):
        self.programs, self.data = programs, folder / "data"
        # PostgreSQL refuses to run as root.
        self.user = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        with network.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        if self.user:
            shutil.chown(folder, "postgres")
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync")

    def _run(self, program, *arguments):
        command = [self.programs / program, "-D", self.data, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self.user)

    def start(self):
        options = f"-p {self.port} -k {self.data} -c fsync=off"
        self._run("pg_ctl", "-w", "-o", options, "-l", self.data / "log", "start")

    def stop(self):
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    @contextmanager
    def stopped(self):
        self.stop()
        try:
            yield
        finally:
            self.start()


@pytest.fixture
def own_server(db):
    """Start a server that only this test uses. Its database replaces the usual test database."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or [Path(shutil.which("initdb") or ".").parent]
    if not (programs[-1] / "initdb").exists():
        pytest.skip("needs PostgreSQL's initdb")
    with tempfile.TemporaryDirectory() as folder:  # Other users cannot read pytest's temporary folders.
        Path(folder).chmod(0o755)
        server = Server(programs[-1], Path(folder))
        server.start()
        own, usual = connections["default"].copy(), connections["default"]
        own.settings_dict.update(HOST="127.0.0.1", PORT=server.port, NAME="postgres", USER="postgres", PASSWORD="")
        connections["default"] = own
        try:
            call_command("migrate", verbosity=0)
            yield server
        finally:
            own.close()
            connections["default"] = usual
            server.stop()


@pytest.mark.skipif("postgresql" not in connection.settings_dict["ENGINE"], reason="needs PostgreSQL")
def test_200_events_while_the_database_refuses_connections(connect, alice, settings):
    events_around(stopped_database, connect, alice, settings)


@pytest.mark.once
@pytest.mark.skipif("postgresql" not in connection.settings_dict["ENGINE"], reason="needs PostgreSQL")
def test_200_events_while_a_server_stops_and_starts_again(own_server, connect, alice, settings):
    events_around(own_server.stopped, connect, alice, settings)


def events_around(stopped, connect, alice, settings):
    """Each third of the events: connects, messages and disconnects. The middle 80 find no database."""
    settings.WEBSOCKETS = {"CONNECTS_PER_IP": None, "CONNECTS_PER_USER": None, "MESSAGES_PER_CONNECTION": None}
    speaker = connect(alice)
    leavers = [connect(alice) for _ in range(66)]
    answers = []

    def event(number):
        close_old_connections()  # as each request of a server begins
        kind = ("connect", "default", "disconnect")[number % 3]
        socket = leavers[number // 3] if kind == "disconnect" else speaker
        name = f"new{number}=" if kind == "connect" else socket.connection_id
        started = time.monotonic()
        response = post({**socket.event_headers(f"${kind}"), "connectionId": name}, kind)
        assert time.monotonic() - started < 5
        assert (response.status_code == 503) == ("Retry-After" in response)
        answers.append((kind, name, response.status_code))

    for number in range(60):
        event(number)
    with stopped():
        for number in range(60, 140):
            event(number)
    for number in range(140, 200):
        event(number)

    assert [status for _, _, status in answers[60:140]] == [503] * 80
    assert 503 not in [status for _, _, status in answers[:60] + answers[140:]]
    opened = {name for kind, name, status in answers if kind == "connect" and status == 200}
    assert len(opened) == len([1 for kind, _, _ in answers if kind == "connect"]) - 27
    assert (
        set(WebSocketSession.objects.filter(connection_id__startswith="new").values_list("connection_id", flat=True))
        == opened
    )
    lost = [name for kind, name, status in answers if kind == "disconnect" and status == 503]
    rows = WebSocketSession.objects.filter(connection_id__in=lost)
    assert rows.filter(connected=True).count() == len(lost) > 20
    # A lost $disconnect is found by the clean-up.
    rows.update(created_on=timezone.now() - timedelta(hours=2, minutes=1))
    WebSocketSession.objects.clear_closed()
    assert set(rows.values_list("closed_reason", flat=True)) == {ClosedReason.EXPIRED}
