"""Clients that speak the protocol hear why their connection is closed, before it is."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection, transaction
from django.urls import path

from django_aws_api_gateway_websockets.aws import from_status
from django_aws_api_gateway_websockets.background.work import JOBS
from django_aws_api_gateway_websockets.exceptions import AwsError
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.testing.sockets import GatewaySocket
from tests.views import ExampleView

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
seen = []


class ClosingView(ExampleView):
    def disconnect(self, request, *args, **kwargs):
        super().disconnect(request, *args, **kwargs)
        seen.append(self.websocket_session.closed_reason)


urlpatterns = [path("ws/<slug:route>", ClosingView.as_view())]


@pytest.fixture
def client():
    return GatewayClient()


@pytest.fixture
def page(client, alice):
    """The socket of a page with GatewaySocket."""
    client.force_login(alice)
    return client.connect("/ws/", query={"ws_v": "1"})


def farewell(socket):
    return [message["_ws"] for message in socket.receive_all()]


def log_out(client, user):
    client.logout()


def change_password(client, user):
    user.set_password("other")
    user.save()


def deactivate(client, user):
    user.is_active = False
    user.save()


def delete_user(client, user):
    get_user_model().objects.get(pk=user.pk).delete()


def end_session(client, user):
    Session.objects.all().delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (log_out, "logout"),
        (change_password, "password_changed"),
        (deactivate, "user_inactive"),
        (delete_user, "user_deleted"),
        (end_session, "session_ended"),
    ],
)
def test_whatever_ends_a_login_is_told(client, page, alice, end, reason):
    plain = client.connect("/ws/")
    end(client, alice)
    assert farewell(page) == [{"bye": reason, "again": False}]
    assert plain.receive_nothing()
    assert page.closed
    assert plain.closed


@pytest.mark.parametrize("again", [False, True, 30, 2.5])
@pytest.mark.parametrize("reason", ["site", "kicked"])
def test_disconnect_says_why_and_whether_to_come_back(page, reason, again):
    assert page.session.disconnect(reason, again=again) is True
    assert farewell(page) == [{"bye": reason, "again": again}]
    assert (page.session.connected, page.session.closed_reason) == (False, reason)


def test_a_queryset_tells_all_that_understand_it(client, page):
    plain, other = client.connect("/ws/"), client.connect("/ws/", query={"ws_v": "2"})
    report = WebSocketSession.objects.disconnect("kicked", again=60)
    assert sorted(report.sent) == sorted(one.connection_id for one in (page, plain, other))
    assert farewell(page) == farewell(other) == [{"bye": "kicked", "again": 60}]
    assert plain.receive_nothing()
    assert {one.session.closed_reason for one in (page, plain, other)} == {"kicked"}


@pytest.mark.parametrize("again", [0, 1, -5, 0.5])
def test_a_second_or_less_is_no_time_to_come_back(page, again):
    for closing in (page.session, WebSocketSession.objects):
        with pytest.raises(ValueError, match="above 1"):
            closing.disconnect(again=again)
    assert page.session.connected


@pytest.mark.parametrize("version", ["", "0", "-1", "x", "1.0", "99999", "\u0661"])
def test_a_client_that_names_no_version_is_a_plain_one(client, version):
    socket = client.connect("/ws/", query={"ws_v": version})
    assert socket.session.protocol_version == 0


class ClosesFirst:
    """What AWS answers for a page that closes its socket as soon as it reads the goodbye."""

    def __init__(self, socket):
        self._socket, self._received = socket, socket._received

    def append(self, data):
        self._received.append(data)
        self._socket.disconnect()


@pytest.mark.parametrize("many", [False, True])
def test_a_client_that_closes_first_does_not_change_the_reason(page, many):
    seen.clear()
    received, page._received = page._received, ClosesFirst(page)
    if many:
        report = WebSocketSession.objects.disconnect("kicked")
        assert (list(report.sent), list(report.gone)) == ([page.connection_id], [])
    else:
        assert page.session.disconnect("kicked") is True
    page._received = received
    assert page.session.closed_reason == "kicked"
    assert seen == ["kicked"]


@pytest.mark.parametrize("many", [False, True])
def test_a_failed_goodbye_does_not_keep_a_socket_open(client, page, many):
    client.throttled(page)
    (WebSocketSession.objects if many else page.session).disconnect("kicked")
    assert page.closed
    assert page.session.closed_reason == "kicked"


class Unreachable(GatewaySocket):
    """A socket that AWS neither sends to nor closes. Something happens while AWS is asked."""

    meanwhile = None

    @property
    def _open_now(self):
        return True

    @_open_now.setter
    def _open_now(self, value):
        raise from_status("delete connection", 403)

    def error(self):
        self.meanwhile()
        return from_status("post to connection", 403)

    delivers = False


def fail_to_disconnect(page, many, meanwhile):
    del page.__dict__["_open_now"]
    page.__class__, page.meanwhile, page.fault = Unreachable, meanwhile, page
    with pytest.raises(AwsError):
        (WebSocketSession.objects if many else page.session).disconnect("kicked")


@pytest.mark.parametrize("many", [False, True])
def test_a_clean_up_during_a_failed_goodbye_deletes_nothing(page, many):
    page.session.join("lobby")
    page.age()
    fail_to_disconnect(page, many, WebSocketSession.objects.clear_closed)
    assert page.session.connected
    assert page.session.channels == ["lobby"]


@pytest.mark.parametrize("many", [False, True])
def test_a_logout_during_a_failed_goodbye_counts(client, page, many):
    fail_to_disconnect(page, many, client.logout)
    assert (page.session.connected, page.session.closed_reason) == (False, "kicked")
    assert page.send_json({"action": "test"}).status_code == 403


@pytest.mark.parametrize("many", [False, True])
def test_a_client_that_had_left_counts_as_gone(client, page, many):
    client.lost_disconnect(page)
    if many:
        assert list(WebSocketSession.objects.disconnect().gone) == [page.connection_id]
    else:
        assert page.session.disconnect() is False
    assert page.session.closed_reason == "gone"


def test_a_logout_that_is_rolled_back_says_nothing(page, alice, rf):
    request = rf.get("/")
    with pytest.raises(RuntimeError), transaction.atomic():
        user_logged_out.send(type(alice), request=request, user=alice)
        raise RuntimeError
    assert page.receive_nothing()


def test_a_worker_says_goodbye(page):
    row = page.session
    JOBS["disconnect"]("default", [[row.connection_id, row.api_gateway_id, row.stage_name, 1]], "logout")
    assert farewell(page) == [{"bye": "logout", "again": False}]
    assert page.closed


def test_a_worker_says_only_reasons_that_exist(page):
    row = page.session
    with pytest.raises(ValueError, match="not a valid ClosedReason"):
        JOBS["disconnect"]("default", [[row.connection_id, row.api_gateway_id, row.stage_name, 1]], "<b>")
    assert page.receive_nothing()


@pytest.mark.django_db(transaction=True)
def test_the_task_engine_says_goodbye(client, page, settings):
    settings.WEBSOCKETS = {"BACKGROUND": "tests.test_goodbyes.run_at_once"}
    client.logout()
    assert farewell(page) == [{"bye": "logout", "again": False}]


def run_at_once(jobs):
    for job in jobs:
        JOBS[job.name](*json.loads(json.dumps(job.arguments)))


@pytest.mark.django_db(transaction=True)
def test_a_logout_is_complete_if_the_database_fails_afterwards(client, page, caplog):
    def fail(execute, sql, *arguments):
        if sql.startswith("SELECT") and 'FROM "django_aws_api_gateway_websockets_apigateway"' in sql.replace("`", '"'):
            raise DatabaseError("The server is gone.")
        return execute(sql, *arguments)

    with connection.execute_wrapper(fail):
        client.logout()
    assert (page.session.connected, page.session.closed_reason) == (False, "logout")
    assert "_close_soon failed after the commit" in caplog.text
