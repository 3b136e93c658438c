"""Sends after the commit, from async code, and handlers that are coroutines."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from functools import partial
from typing import Callable

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.db import transaction
from django.test import RequestFactory
from django.urls import path

from django_aws_api_gateway_websockets.exceptions import SendDuringConnect
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.signals import message_delivered
from django_aws_api_gateway_websockets.views import WebSocketView

everyone = WebSocketSession.objects


class AsyncView(WebSocketView):
    async def connect(self, request, *args, **kwargs):
        await sync_to_async(super().connect)(request, *args, **kwargs)
        assert self.websocket_session.user is not None

    async def default(self, request, *args, **kwargs):
        user = await request.auser()
        asyncio.get_running_loop()
        assert await self.websocket_session.asend_message({"to": user.username}) is True
        report = await everyone.filter(channel_name="Room").asend_message({"all": True})
        assert report.complete


class MeetingView(WebSocketView):
    begun: list[asyncio.AbstractEventLoop]

    async def default(self, request, *args, **kwargs):
        self.begun.append(asyncio.get_running_loop())
        while len(self.begun) < 2:
            await asyncio.sleep(0.01)


class HastyView(WebSocketView):
    def connect(self, request, *args, **kwargs):
        super().connect(request, *args, **kwargs)
        self.websocket_session.disconnect()


class WelcomingView(WebSocketView):
    later: list[Callable[[], bool]]

    def connect(self, request, *args, **kwargs):
        super().connect(request, *args, **kwargs)
        # What asyncio.create_task and asyncio.to_thread do, too: the context is copied.
        self.later.append(partial(copy_context().run, self.websocket_session.send_message, {"welcome": True}))


urlpatterns = [
    path("meeting/<slug:route>", MeetingView.as_view()),
    path("async/<slug:route>", AsyncView.as_view()),
    path("hasty/<slug:route>", HastyView.as_view()),
    path("welcoming/<slug:route>", WelcomingView.as_view()),
]


@pytest.fixture
def told():
    told = []

    def receive(sender, report, **kwargs):
        told.append(report)

    message_delivered.connect(receive)
    yield told
    message_delivered.disconnect(receive)


@pytest.mark.django_db(transaction=True)
def test_a_rollback_sends_nothing(people, server, transport):
    """A send inside a transaction that rolls back."""
    people(5)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        assert everyone.all().send_message({"n": 1}, on_commit=True) is None
        assert everyone.first().send_message({"n": 1}, on_commit=True) is None
        raise ZeroDivisionError
    assert not server.calls


@pytest.mark.django_db(transaction=True)
def test_a_commit_sends_and_reports_by_signal(people, server, transport, told):
    ids = people(5)
    with transaction.atomic():
        everyone.all().send_message({"n": 1}, on_commit=True)
        everyone.get(connection_id=ids[0]).send_message({"n": 2}, on_commit=True)
        assert not server.calls
    assert len(server.calls) == 6
    assert [sorted(report.sent) for report in told] == [sorted(ids)]


@pytest.mark.django_db(transaction=True)
def test_a_failure_after_the_commit_is_logged_and_not_raised(people, server, transport, caplog):
    people(5)
    server.everybody = "forbidden"
    with transaction.atomic():
        everyone.all().send_message({"n": 1}, on_commit=True)
    assert "A message was not sent after the commit" in caplog.text
    assert "IAM policy" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_payload_is_checked_before_the_commit(people, server):
    people(1)
    with pytest.raises(TypeError), transaction.atomic():
        everyone.all().send_message("x", on_commit=True)


@pytest.mark.django_db
def test_async_handlers_run_under_wsgi(settings, connect, alice, gateway):
    settings.ROOT_URLCONF = __name__
    socket = connect(alice, "Room", path="/async/")
    assert socket.send_json({"action": "x"}).status_code == 200
    assert (socket.receive_json(), socket.receive_json()) == ({"to": "alice"}, {"all": True})


@pytest.mark.django_db
def test_disconnecting_inside_connect_says_what_to_do_instead(settings, connect, alice, gateway):
    settings.ROOT_URLCONF = __name__
    with pytest.raises(
        SendDuringConnect, match=r"cannot be closed before its \$connect has returned\. To refuse the connection"
    ):
        connect(alice, path="/hasty/")


@pytest.mark.django_db
def test_what_connect_starts_may_send_once_connect_has_returned(settings, connect, alice, gateway):
    settings.ROOT_URLCONF = __name__
    WelcomingView.later = []
    socket = connect(alice, path="/welcoming/")
    (send,) = WelcomingView.later
    assert send() is True
    assert socket.receive_json() == {"welcome": True}


@pytest.mark.autocommit  # With a transaction around each request, SQLite would not let the second handler begin.
@pytest.mark.django_db(transaction=True)
def test_under_asgi_the_loop_goes_on_while_a_handler_waits(settings, connect, alice):
    """Two events at once: each handler waits until the other has begun, in the one loop of both."""
    settings.ROOT_URLCONF = __name__
    MeetingView.begun = []
    socket = connect(alice, "Room", path="/meeting/")

    async def event():
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/meeting/default",
            "query_string": b"",
            "headers": [
                (b"host", b"testserver"),
                *((name.lower().encode(), value.encode()) for name, value in socket.event_headers("$default").items()),
            ],
        }
        application = ApplicationCommunicator(get_asgi_application(), scope)
        await application.send_input({"type": "http.request", "body": b'{"action": "x"}'})
        start = await application.receive_output(10)
        await application.wait(10)  # until the connection of its thread is closed
        return start["status"]

    async def both():
        return await asyncio.gather(event(), event())

    assert asyncio.run(both()) == [200, 200]
    assert MeetingView.begun[0] is MeetingView.begun[1]


@pytest.mark.django_db
def test_request_auser_of_a_message_is_who_opened_the_socket(connect, alice):
    socket = connect(alice)
    seen = []

    class SeeingView(WebSocketView):
        async def default(self, request, *args, **kwargs):
            seen.append(await request.auser())

    request = RequestFactory().post(
        "/ws/default", {"action": "x"}, content_type="application/json", headers=socket.event_headers("$default")
    )
    assert SeeingView.as_view()(request, route="default").status_code == 200
    assert seen == [alice]
