"""The examples of docs/history.md."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.template import Context, Template
from django.urls import path

from django_aws_api_gateway_websockets.models import HistoryMessage
from django_aws_api_gateway_websockets.testing import GatewayClient

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "examples"
pytestmark = [pytest.mark.django_db, pytest.mark.once]

publishing, mounted = (runpy.run_path(str(EXAMPLES / f"history_{name}.py")) for name in ("publish", "urls"))
urlpatterns = [path("ws/<slug:route>", publishing["RoomView"].as_view()), *mounted["urlpatterns"]]


@pytest.fixture(autouse=True)
def _site(settings):
    settings.WEBSOCKETS = runpy.run_path(str(EXAMPLES / "history_settings.py"))["WEBSOCKETS"]
    settings.ROOT_URLCONF = __name__


def test_a_handler_writes_a_row_and_publishes(alice, gateway):
    browser = GatewayClient(gateway)
    browser.force_login(alice)
    socket = browser.connect("/ws/", channel="room-1")
    page = Template((EXAMPLES / "history_page.html").read_text())
    assert socket.send_json({"action": "say", "text": "Hello"}).status_code == 200
    said = socket.receive_json()
    (entry,) = LogEntry.objects.all()
    assert (said["type"], said["pk"], said["text"]) == ("said", entry.pk, "Hello")
    assert HistoryMessage.objects.get().user == alice
    html = page.render(Context({"entries": LogEntry.objects.all()}))
    assert f'data-at="{said["_ws"]["at"]}"' in html
    assert f'<li id="entry-{entry.pk}">Hello</li>' in html


def test_http_needs_the_login_of_the_socket(alice, client):
    assert client.get("/ws-history/?channel=room-1").status_code == 403
    client.force_login(alice)
    assert client.get("/ws-history/?channel=room-1").json()["at"] == "0:0:0"
