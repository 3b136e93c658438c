"""Each fault by its click, for a page with this package's client: it comes back by itself where ``WebSocket`` ends."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from django_aws_api_gateway_websockets.local.inspector import inspector as inspector_module

from .test_inspector import api, choose, connection_id, eventually, inspector  # noqa: F401  fixtures

pytestmark = pytest.mark.browser

CLIENT = (
    Path(__file__).resolve().parents[2]
    / "src/django_aws_api_gateway_websockets/static/django_aws_api_gateway_websockets/gateway-socket.js"
)
START = """
const [url, done] = arguments;
window.events = [];
import("/gateway-socket.js").then(({ GatewaySocket }) => {
  window.socket = new GatewaySocket(url);
  socket.addEventListener("state", ({ state }) => events.push(state));
  socket.addEventListener("close", ({ code, again }) => events.push(`close ${code} ${again}`));
  socket.addEventListener("message", ({ message }) => events.push(message.text ?? message.message));
  done("started");
}, (error) => done(String(error)));
"""


@pytest.fixture
def chosen(api, page, inspector):  # noqa: F811
    """The connection of the client, which the inspector's page has chosen."""
    script = CLIENT.read_bytes()
    api.backend.answers["/gateway-socket.js"] = (200, {"Content-Type": "text/javascript"}, script)
    assert page.run_async(START, f"{api.url}?channel=lobby") == "started"
    eventually(lambda: "open" in seen(page))
    identifier = connection_id(api)
    choose(inspector, identifier)
    inspector.wait_for_text("#target-about", "open")
    return identifier


def seen(page):
    return page.run("return events")


@pytest.mark.parametrize(
    ("name", "code"), [("age", 1001), ("idle", 1001), ("cut", 1006)], ids=["2 hours later", "10 idle minutes", "cut"]
)
def test_the_client_comes_back_after_a_fault(api, page, inspector, chosen, name, code):  # noqa: F811
    inspector.click(f'[data-fault="{name}"]')
    eventually(lambda: seen(page).count("open") == 2)
    assert f"close {code} true" in seen(page)
    assert connection_id(api) != chosen
    api.management().post_to_connection(ConnectionId=connection_id(api), Data=b'{"text": "here again"}')
    eventually(lambda: "here again" in seen(page))


@pytest.mark.parametrize("name", ["gone", "slow", "throttled", "error"])
def test_the_client_misses_one_push_and_gets_the_next(api, page, inspector, chosen, name):  # noqa: F811
    inspector.click(f'[data-fault="{name}"]')
    inspector.wait_for_text("#armed", "Armed: The push gets")
    management = api.management()
    with pytest.raises(management.exceptions.ClientError):
        management.post_to_connection(ConnectionId=chosen, Data=b'{"text": "lost"}')
    management.post_to_connection(ConnectionId=chosen, Data=b'{"text": "arrives"}')
    eventually(lambda: "arrives" in seen(page))
    assert "lost" not in seen(page)
    assert seen(page).count("open") == 1


def test_the_client_stays_connected_during_a_deploy(api, page, inspector, chosen):  # noqa: F811
    inspector.click('[data-fault="deploy"]')
    inspector.wait_for_text("#timeline", "Next deploy")
    page.run("socket.send({action: 'hello'})")
    inspector.wait_for_text("#timeline", "Internal server error")
    assert seen(page).count("open") == 1


ASK = """
const [seconds, done] = arguments;
socket.request("hello", {}, {timeout: seconds}).then(
  ({said}) => done(said), ({name, status}) => done(`${name} ${status}`));
"""


@pytest.fixture
def replying(api):  # noqa: F811
    """The site replies to each request by a push, as the view does, and goes on if the push fails."""
    management = api.management()

    def answer(got):
        reply = {"_ws": {"reply": json.loads(got.body)["_ws"]["id"], "status": 200}, "said": "hello to you"}
        with contextlib.suppress(management.exceptions.ClientError):
            management.post_to_connection(ConnectionId=got.headers["connectionId"], Data=json.dumps(reply).encode())
        return 200

    api.backend.answers["/ws/default"] = answer


def test_a_request_whose_reply_hangs_times_out(page, inspector, chosen, replying, monkeypatch):  # noqa: F811
    monkeypatch.setattr(inspector_module, "HANG_SECONDS", 2)
    inspector.click('[data-fault="hang"]')
    inspector.wait_for_text("#armed", "hangs")
    assert page.run_async(ASK, 1) == "RequestError 0"
    assert page.run_async(ASK, 10) == "hello to you"
    inspector.wait_for_text("#timeline", "The push hangs for 30 seconds")
    assert seen(page).count("open") == 1


def test_a_request_whose_reply_hangs_is_asked_again(api, page, inspector, chosen, replying):  # noqa: F811
    """The connection ends while the reply hangs. On the next one, the client repeats the request."""
    inspector.click('[data-fault="hang"]')
    inspector.wait_for_text("#armed", "hangs")
    page.run("socket.request('hello', {}, {timeout: 20}).then(({said}) => events.push(said))")
    inspector.wait_for_text("#timeline", "The push hangs for 30 seconds")
    inspector.click('[data-fault="cut"]')
    eventually(lambda: "hello to you" in seen(page))
    first, second = [json.loads(got.body) for got in api.backend.wait("/ws/default", 2)]
    assert first == second
