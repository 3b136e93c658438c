"""The scripts of the page "In the browser", in Chromium, against the demo."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
URL = '"wss://ws.example.com?channel=my+example+channel"'

pytestmark = pytest.mark.browser


@pytest.fixture
def page(demo, make_window):
    """The room page of alice: an origin with her cookie, and with the socket's URL in it."""
    page = make_window()
    page.open(demo.url + "/rooms/lobby/")
    page.fill("#id_username", "alice")
    page.fill("#id_password", demo.logins["alice"], "\n")
    page.wait_for_text("#state", "Connected")
    return page


@pytest.fixture(scope="session")
def reconnecting_websocket(tmp_path_factory):
    """The npm package, as one script; from NODE_MODULES of the environment, or from a folder that npm fills now."""
    modules = Path(os.environ.get("NODE_MODULES", "none"))
    if not (modules / "reconnecting-websocket").exists():
        npm = shutil.which("npm")
        if npm is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("npm is not installed")
        folder = tmp_path_factory.mktemp("npm")
        command = [npm, "install", "--no-audit", "--no-fund", "reconnecting-websocket@4"]
        subprocess.run(command, cwd=folder, check=True, timeout=120)
        modules = folder / "node_modules"
    return (modules / "reconnecting-websocket" / "dist" / "reconnecting-websocket-iife.js").read_text()


def script(name):
    """The example, connecting to the demo and keeping what it receives in `events`."""
    code = (EXAMPLES / name).read_text()
    assert URL in code
    code = code.replace(URL, 'document.getElementById("chat").dataset.socket').replace("console.log(", "events.push(")
    lines = [line for line in code.splitlines() if not line.startswith("import ")]
    return "window.events = [];\n" + "\n".join(lines) + "\nwindow.example = () => socket;"


def wait_for_answers(page, count):
    """The demo answers each hello with those who are there."""
    deadline = time.monotonic() + 20
    while page.run("return events.filter((event) => event.type === 'who').length") < count:
        assert time.monotonic() < deadline, page.run("return events")
        time.sleep(0.05)


def close_every_connection(page, data_dir):
    """What API Gateway does to a socket that is two hours old: the gateway closes it."""
    url = page.run("return document.getElementById('chat').dataset.socket").partition("?")[0].replace("ws:", "http:")
    database = sqlite3.connect(data_dir / "db.sqlite3")
    query = "SELECT connection_id FROM django_aws_api_gateway_websockets_websocketsession WHERE connected"
    ids = [row[0] for row in database.execute(query)]
    database.close()
    assert len(ids) == 2
    for connection_id in ids:
        target = f"{url}/@connections/{urllib.parse.quote(connection_id)}"
        urllib.request.urlopen(urllib.request.Request(target, method="DELETE"), timeout=10).close()


def check_example(page, data_dir):
    wait_for_answers(page, 1)
    page.run("example().send(JSON.stringify({action: 'say', text: 'Hello'}))")
    page.wait_for_text("#log", "Hello")
    close_every_connection(page, data_dir)
    wait_for_answers(page, 2)


def test_the_plain_websocket_comes_back(page, tmp_path):
    page.run(script("plain.js"))
    check_example(page, tmp_path)


def test_reconnecting_websocket_comes_back(page, tmp_path, reconnecting_websocket):
    page.run(reconnecting_websocket.replace("var ReconnectingWebSocket", "window.ReconnectingWebSocket", 1))
    page.run(script("reconnecting.js"))
    check_example(page, tmp_path)
