"""Chromium's own WebSocket against the local gateway: it talks, and sees the close codes that AWS sends."""

from __future__ import annotations

import time

import pytest

from django_aws_api_gateway_websockets.local.server import LocalGateway
from tests.local.conftest import Backend, client, new_api

pytestmark = pytest.mark.browser

OPEN = """
window.events = [];
window.ws = new WebSocket(arguments[0]);
ws.onopen = () => events.push("open");
ws.onmessage = (event) => events.push(event.data);
ws.onclose = (event) => events.push(event.code);
"""


@pytest.fixture(scope="module")
def gateway():
    with LocalGateway(idle_timeout=2, max_connection_age=4) as gateway:
        yield gateway


@pytest.fixture
def api(gateway):
    backend = Backend()
    api = new_api(gateway, client("apigatewayv2", gateway.url), backend)
    for key in ("$connect", "$disconnect", "$default"):
        api.route(key, two_way=key == "$default")
    api.deploy()
    yield api
    backend.close()


def wait_for(page, *events):
    deadline = time.monotonic() + 15
    while page.run("return events") != list(events):
        assert time.monotonic() < deadline, f"{page.run('return events')}, not {list(events)}"
        time.sleep(0.02)


def opened(page, api):
    page.run(OPEN, api.url)
    wait_for(page, "open")
    return page


def test_it_talks_and_closes(page, api):
    api.backend.answers["/default"] = lambda got: (200, {}, b"echo " + got.body)
    opened(page, api).run("ws.send('hello')")
    wait_for(page, "open", "echo hello")

    page.run("ws.close()")
    wait_for(page, "open", "echo hello", 1005)
    api.backend.wait("/disconnect")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("ws.send(new Uint8Array([1, 2]))", 1003),
        ("ws.send('x'.repeat(32 * 1024 + 1))", 1009),
        ("ws.send('x'.repeat(128 * 1024 + 1))", 1009),
        ("'two seconds without a word'", 1001),
    ],
)
def test_it_sees_the_close_code_of_each_limit(page, api, script, code):
    opened(page, api).run(script)
    wait_for(page, "open", code)
    api.backend.wait("/disconnect")


def test_it_sees_the_end_of_a_socket_that_grew_too_old(page, api):
    opened(page, api).run("setInterval(() => ws.send('{}'), 500)")
    deadline = time.monotonic() + 15
    while page.run("return events.at(-1)") != 1001:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(api.backend.wait("/default")) >= 4


def test_it_sees_1000_when_the_connection_is_deleted(page, api):
    opened(page, api)
    connection_id = api.backend.wait("/connect")[0].headers["connectionId"]
    api.management().delete_connection(ConnectionId=connection_id)
    wait_for(page, "open", 1000)


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_refused_connect_is_1006_whatever_the_status(page, api, status):
    api.backend.answers["/connect"] = status
    page.run(OPEN, api.url)
    wait_for(page, 1006)
