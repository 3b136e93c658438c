"""The database is down. Events get 503 at once, and nothing is half written."""

from __future__ import annotations

import socket as network
import time

import pytest
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db import InterfaceError, OperationalError, connection, connections
from django.test import Client
from django.urls import path

from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
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
