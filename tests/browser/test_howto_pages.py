"""The pages of the how-to guides, in Chromium: each shows what a server sends."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import path
from django.utils.safestring import mark_safe
from websockets.sync.server import serve

from django_aws_api_gateway_websockets.models import ApiGateway

ROOT = Path(__file__).resolve().parents[2]
HOWTO = ROOT / "docs" / "examples" / "howto"
NODE_MODULES = ROOT / "js" / "node_modules"

pytestmark = [pytest.mark.browser, pytest.mark.django_db]


@pytest.fixture
def socket_url(db):
    """Sends each new connection the messages in `socket_url.messages`, and closes it after the first that it gets."""

    class Url(str):
        messages = ()

    received = []

    def send(connection):
        for message in url.messages:
            connection.send(message if isinstance(message, str) else json.dumps(message))
        received.append(connection.recv())

    with serve(send, "127.0.0.1", 0) as server:
        url = Url(f"ws://127.0.0.1:{server.socket.getsockname()[1]}")
        ApiGateway.objects.create(api_name="chat", api_id="a1b2c3d4e5", api_endpoint=url, api_created=True)
        url.received = received
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield url
        server.shutdown()


@pytest.mark.parametrize(
    ("folder", "message", "script", "shown"),
    [
        ("push_to_a_user", {"type": "unread", "count": 3}, "#count", "3"),
        ("notify_from_a_signal", {"type": "new_user", "username": "<b>al</b>"}, "#new-users li", "<b>al</b>"),
        ("alert_everybody", {"type": "alert", "text": "We restart."}, "#alert", "We restart."),
    ],
)
def test_page_shows_the_message(socket_url, make_window, tmp_path, folder, message, script, shown):
    socket_url.messages = [{"type": "of something else"}, message]
    window = open_page(make_window, tmp_path, folder)
    window.wait_for_text(script, shown)


def test_progress_bar_moves(socket_url, make_window, tmp_path):
    socket_url.messages = [{"type": "progress", "done": 1, "total": 4}, {"type": "progress", "done": 3, "total": 4}]
    window = open_page(make_window, tmp_path, "progress_bar")
    deadline = time.monotonic() + 10
    while window.run("return document.getElementById('progress').position") != 0.75:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_page_reconnects_and_asks_for_what_it_missed(socket_url, make_window, tmp_path):
    socket_url.messages = [{"type": "entry", "pk": pk, "text": f"entry {pk}"} for pk in (1, 2, 2)]
    window = open_page(make_window, tmp_path, "reconnect")
    window.wait_for_text("#entries li:nth-child(2)", "entry 2")
    deadline = time.monotonic() + 10
    while len(socket_url.received) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    asked = [json.loads(text) for text in socket_url.received[:2]]
    assert asked == [{"action": "since", "last": 0}, {"action": "since", "last": 2}]
    assert window.run("return document.querySelectorAll('#entries li').length") == 2


def show_table(request):
    page = Template((HOWTO / "live_table" / "page.html").read_text())
    row = mark_safe('<tr id="group-1"><td>One</td></tr><tr id="group-2"><td>Two</td></tr>')
    return HttpResponse(page.render(Context({"request": request, "rows": row})))


urlpatterns = [path("", show_table)]


@pytest.mark.urls(__name__)
def test_a_table_follows_its_rows(socket_url, make_window, live_server, npm, settings):
    settings.STATICFILES_DIRS = [NODE_MODULES / "htmx2" / "dist", NODE_MODULES / "htmx-ext-ws"]
    socket_url.messages = [
        '<tbody id="groups" hx-swap-oob="beforeend"><tr id="group-3"><td>Three</td></tr></tbody>',
        '<tr id="group-1"><td>First</td></tr>',
        '<tr id="group-2" hx-swap-oob="delete"></tr>',
    ]
    window = make_window()
    window.open(live_server.url)
    deadline = time.monotonic() + 10
    while window.run("return [...document.querySelectorAll('#groups td')].map((cell) => cell.textContent)") != [
        "First",
        "Three",
    ]:
        assert time.monotonic() < deadline, window.run("return document.body.innerHTML")
        time.sleep(0.05)


def open_page(make_window, tmp_path, folder):
    page = tmp_path / "page.html"
    template = Template((HOWTO / folder / "page.html").read_text())
    page.write_text(template.render(Context({"request": RequestFactory().get("/")})))
    window = make_window()
    window.open(page.as_uri())
    return window
