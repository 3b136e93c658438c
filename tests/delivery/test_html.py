"""`send_html` sends a rendered template, with the report of any other send."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.template import TemplateDoesNotExist
from django.urls import path

from django_aws_api_gateway_websockets.exceptions import MessageTooLarge
from django_aws_api_gateway_websockets.history import publish
from django_aws_api_gateway_websockets.models import WebSocketSession

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
EXAMPLE = runpy.run_path(str(EXAMPLES / "sending_html.py"))
SAID = '<ul id="log" hx-swap-oob="beforeend"><li>{}</li></ul>\n'

urlpatterns = [path("ws/<slug:route>", EXAMPLE["ChatView"].as_view())]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def templates(settings):
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [EXAMPLES]}]


def test_a_room_gets_html_in_which_text_is_text(connect):
    one, other, elsewhere = connect(channel="lobby"), connect(channel="lobby"), connect(channel="kitchen")
    one.send_json({"action": "say", "text": "<b>Hello</b>"})
    assert one.receive() == other.receive() == SAID.format("&lt;b&gt;Hello&lt;/b&gt;")
    assert elsewhere.receive_nothing()


@pytest.mark.parametrize("send", [publish, lambda name, data: WebSocketSession.objects.send_message(data)])
def test_json_is_never_html(connect, settings, send):
    """htmx inserts the elements of any message, also those in the text of a JSON message that somebody else sends."""
    settings.WEBSOCKETS = {"HISTORY": {"*": {"size": 10}}}
    name, data = "<i id=log>", {"text": "<ul id=log><img src=x onerror=alert(1)></ul>"}
    socket = connect(channel=name)
    send(name, data)
    received = socket.receive()
    assert "<" not in received
    assert json.loads(received)["text"] == data["text"]


def test_a_queryset_reports_and_a_session_answers(connect):
    socket, left = connect(), connect()
    left.age()
    left.vanish()
    report = WebSocketSession.objects.order_by("pk").send_html("said.html", {"text": "1"})
    assert (list(report.sent), list(report.gone)) == ([socket.connection_id], [left.connection_id])
    assert socket.session.send_html("said.html") is True
    assert left.session.send_html("said.html") is False
    assert [socket.receive(), socket.receive()] == [SAID.format("1"), SAID.format("")]


@pytest.mark.django_db(transaction=True)
def test_async_code_sends_html_too(connect):
    socket = connect()
    session = socket.session

    async def send():
        assert await session.asend_html("said.html", {"text": "1"}) is True
        assert (await WebSocketSession.objects.asend_html("said.html", {"text": "2"})).complete

    async_to_sync(send)()
    assert [socket.receive(), socket.receive()] == [SAID.format("1"), SAID.format("2")]


def test_html_is_rendered_now_and_sent_after_the_commit(connect, django_capture_on_commit_callbacks):
    socket, context = connect(), {"text": "before"}
    with django_capture_on_commit_callbacks(execute=True):
        assert WebSocketSession.objects.send_html("said.html", context, on_commit=True) is None
        context["text"] = "after"
        assert socket.receive_nothing()
    assert socket.receive() == SAID.format("before")


def test_what_cannot_be_sent_raises(connect):
    session = connect().session
    with pytest.raises(MessageTooLarge):
        session.send_html("said.html", {"text": "x" * 128 * 1024})
    with pytest.raises(TemplateDoesNotExist):
        session.send_html("none.html")
