"""The pages of the how-to guides, in Chromium: each shows what a server sends."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from websockets.sync.server import serve

HOWTO = Path(__file__).resolve().parents[2] / "docs" / "examples" / "howto"

pytestmark = pytest.mark.browser


@pytest.fixture
def socket_url():
    """Sends each new connection the messages in `socket_url.messages`."""

    class Url(str):
        messages = ()

    def send(connection):
        for message in url.messages:
            connection.send(json.dumps(message))
        connection.recv()

    with serve(send, "127.0.0.1", 0) as server:
        url = Url(f"ws://127.0.0.1:{server.socket.getsockname()[1]}")
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
    window = open_page(make_window, tmp_path, folder, socket_url)
    window.wait_for_text(script, shown)


def test_progress_bar_moves(socket_url, make_window, tmp_path):
    socket_url.messages = [{"type": "progress", "done": 1, "total": 4}, {"type": "progress", "done": 3, "total": 4}]
    window = open_page(make_window, tmp_path, "progress_bar", socket_url)
    deadline = time.monotonic() + 10
    while window.run("return document.getElementById('progress').position") != 0.75:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def open_page(make_window, tmp_path, folder, url):
    page = tmp_path / "page.html"
    page.write_text((HOWTO / folder / "page.html").read_text().replace("{{ gateway.websocket_url }}", url))
    window = make_window()
    window.open(page.as_uri())
    return window
