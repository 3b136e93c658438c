"""The inspector's page in Chromium, beside a page that uses plain ``WebSocket``.

`SCREENSHOTS=docs/images` keeps the picture of the documentation.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.sync.client import connect

from django_aws_api_gateway_websockets.local.server import LocalGateway
from tests.local.conftest import Backend, client, new_api

from .test_sockets import OPEN, wait_for

pytestmark = pytest.mark.browser

SECRET = "s3cr3t-of-the-gateway"


@pytest.fixture
def api():
    backend = Backend()
    with LocalGateway(inspector=True) as gateway:
        api = new_api(gateway, client("apigatewayv2", gateway.url), backend)
        secret = {"integration.request.header.X-Websocket-Gateway-Secret": f"'{SECRET}'"}
        for key in ("$connect", "$disconnect", "$default"):
            api.route(key, f"/ws/{key[1:]}", parameters=secret)
        api.deploy()
        yield api
    backend.close()


@pytest.fixture
def inspector(api, make_window):
    window = make_window(1280, 860)
    window.open(api.gateway.inspector_url)
    window.wait_for_text("#connections", "All connections")
    return window


def push_from_handler(api):
    management = api.management()

    def answer(got):
        data = json.dumps({"echo": json.loads(got.body)}).encode()
        management.post_to_connection(ConnectionId=got.headers["connectionId"], Data=data)
        return 200

    api.backend.answers["/ws/default"] = answer


def connection_id(api, nth=-1):
    return api.backend.wait("/ws/connect")[nth].headers["connectionId"]


def opened(page, api):
    page.run(OPEN, f"{api.url}?channel=lobby")
    wait_for(page, "open")


def choose(inspector, identifier):
    inspector.wait_for_text("#connections", identifier.rpartition(":")[2][:8])
    # In one step, because the list is drawn anew with each event.
    inspector.run("document.querySelector(arguments[0]).click()", f'[data-choose="{identifier}"]')


def kinds(inspector):
    return inspector.run("return [...document.querySelectorAll('#timeline > li')].map((row) => row.dataset.kind)")


def eventually(check):
    deadline = time.monotonic() + 15
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_message_is_followed_from_frame_to_push(api, page, inspector):
    push_from_handler(api)
    opened(page, api)
    choose(inspector, connection_id(api))
    page.run("ws.send(JSON.stringify({action: 'hello'}))")
    wait_for(page, "open", '{"echo": {"action": "hello"}}')
    eventually(lambda: len(kinds(inspector)) == 6)
    assert kinds(inspector) == ["handshake", "call", "opened", "received", "push", "call"]
    inspector.click('[data-kind="call"]:last-child summary')
    text = inspector.text('[data-kind="call"]:last-child')
    assert "$default: POST" in text
    assert "The site answered: 200" in text
    assert "X-Websocket-Gateway-Secret•••" in text
    assert SECRET not in inspector.run("return document.documentElement.outerHTML")

    inspector.fill("#search", "echo")
    eventually(lambda: kinds(inspector) == ["push"])
    inspector.run("document.getElementById('search').value = ''")
    inspector.run("document.getElementById('kind').value = 'call'")
    inspector.run("document.getElementById('kind').dispatchEvent(new Event('change'))")
    assert kinds(inspector) == ["call", "call"]
    assert inspector.errors() == []


@pytest.mark.parametrize(
    ("name", "seen"), [("age", 1001), ("idle", 1001), ("cut", 1006)], ids=["2 hours later", "10 idle minutes", "cut"]
)
def test_a_fault_by_a_click_ends_the_connection(api, page, inspector, name, seen):
    opened(page, api)
    choose(inspector, connection_id(api))
    inspector.wait_for_text("#target-about", "open")
    inspector.click(f'[data-fault="{name}"]')
    wait_for(page, "open", seen)
    inspector.wait_for_text("#timeline", "End")
    assert len(api.backend.wait("/ws/disconnect")) == 1 if name != "cut" else "fault" in kinds(inspector)


@pytest.mark.parametrize(("name", "status"), [("gone", 410), ("slow", 429), ("throttled", 429), ("error", 500)])
def test_a_fault_by_a_click_breaks_the_next_push(api, page, inspector, name, status):
    opened(page, api)
    identifier = connection_id(api)
    choose(inspector, identifier)
    inspector.click(f'[data-fault="{name}"]')
    inspector.wait_for_text("#armed", "Armed: The push gets")
    management = api.management()
    with pytest.raises(management.exceptions.ClientError) as caught:
        management.post_to_connection(ConnectionId=identifier, Data=b"lost")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    management.post_to_connection(ConnectionId=identifier, Data=b"arrives")
    wait_for(page, "open", "arrives")


def test_the_next_deploy_makes_the_site_unreachable(api, page, inspector):
    opened(page, api)
    inspector.click('[data-fault="deploy"]')
    inspector.wait_for_text("#timeline", "Next deploy")
    page.run("ws.send('{}')")
    eventually(lambda: len(page.run("return events")) == 2)
    assert json.loads(page.run("return events")[1])["message"] == "Internal server error"


def test_pushing_editing_and_closing_by_hand(api, page, inspector):
    opened(page, api)
    choose(inspector, connection_id(api))
    eventually(lambda: not inspector.run("return document.getElementById('push').disabled"))
    inspector.click("#push")
    inspector.fill("#dialog-text", "by hand")
    inspector.click("#dialog-ok")
    wait_for(page, "open", "by hand")

    inspector.wait_for_text("#timeline", "by hand")
    inspector.click('[data-kind="push"] summary')
    inspector.click('[data-kind="push"] [data-act="edit"]')
    inspector.run("document.getElementById('dialog-text').value = 'edited'")
    inspector.click("#dialog-ok")
    wait_for(page, "open", "by hand", "edited")

    inspector.click('[data-kind="push"] [data-act="again"]')
    wait_for(page, "open", "by hand", "edited", "by hand")
    inspector.click("#close")
    wait_for(page, "open", "by hand", "edited", "by hand", 1000)


def test_the_inspector_shows_all_connections_of_a_user(api, page, inspector):
    for user, channel in (("alice", "lobby"), ("bob", "lobby"), ("alice", "support")):
        api.backend.answers["/ws/connect"] = (200, {"X-Websocket-User": user}, b"")
        with connect(f"{api.url}?channel={channel}") as ws:
            ws.send(json.dumps({"action": "hello", "from": user}))
            api.backend.wait("/ws/default", len(api.backend.wait("/ws/connect")))
    inspector.wait_for_text("#connections", "@ bob")
    choose(inspector, "user:alice")
    inspector.wait_for_text("#target", "User alice")
    eventually(lambda: kinds(inspector).count("closed") == 2)
    assert kinds(inspector).count("received") == 2
    assert "bob" not in inspector.text("#timeline")
    choose(inspector, "channel:lobby")
    inspector.wait_for_text("#timeline", "bob")
    inspector.click('[data-kind="opened"]:last-child summary, [data-kind="opened"] summary')
    button = '[data-kind="opened"] [data-act="user"]'
    eventually(lambda: inspector.run("return document.querySelector(arguments[0]) !== null", button))
    inspector.click(button)
    inspector.wait_for_text("#target", "User alice")
    assert inspector.errors() == []


def test_it_works_by_keyboard(api, page, inspector):
    opened(page, api)
    inspector.wait_for_text("#connections", connection_id(api)[:8])
    inspector.press("/")
    assert inspector.run("return document.activeElement.id") == "search"
    inspector.run("document.querySelector('#connections button').focus()")
    inspector.press("ARROW_DOWN")
    inspector.press("ENTER")
    assert inspector.text("#target") == "Channel lobby"
    inspector.press("ARROW_DOWN")
    inspector.press("ENTER")
    assert inspector.text("#target") == f"Connection {connection_id(api)}"
    inspector.run("document.querySelector('#timeline summary').focus()")
    inspector.press("ENTER")
    inspector.wait_for_text("#timeline", "Sec-WebSocket-Key")


READ = """
const done = arguments[arguments.length - 1];
const [root, token] = arguments;
const read = async (path, options) => {
  try {
    return (await (await fetch(root + path, options)).text()).length;
  } catch (error) {
    return "refused";
  }
};
Promise.all([
  read("state?token=" + token),
  read("events.jsonl?token=" + token),
  read("state", {headers: {"X-Inspector-Token": token}}),
  read("clear?token=" + token, {method: "POST", body: "{}"}),
  read("?token=" + token, {mode: "no-cors"}),
]).then(done);
"""


def test_a_page_of_another_origin_gets_nothing(api, page):
    root, _, token = api.gateway.inspector_url.partition("?token=")
    assert page.run_async(READ, root, token) == ["refused"] * 5
    assert page.run_async(READ, root.replace("127.0.0.1", "localhost"), token) == ["refused"] * 5
    page.run(
        "const frame = document.createElement('iframe'); frame.src = arguments[0]; document.body.append(frame);",
        api.gateway.inspector_url,
    )
    time.sleep(0.5)
    assert page.run("try { return frames[0].document.body.innerText } catch { return 'refused' }") in ("refused", "")


SITE = """
from django.conf import settings
settings.configure(
    DEBUG=False, SECRET_KEY="x", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                    "django_aws_api_gateway_websockets"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
import django
django.setup()
from django.urls import path
from django_aws_api_gateway_websockets.views import WebSocketView

class EchoView(WebSocketView):
    def hello(self, request, *args, **kwargs):
        self.websocket_session.send_message({"echo": self.body})

urlpatterns = [path("ws/<slug:route>", EchoView.as_view())]

if __name__ == "__main__":
    import sys
    from django.test.runner import DiscoverRunner
    sys.modules["site_under_test"] = sys.modules["__main__"]
    sys.exit(DiscoverRunner(verbosity=1).run_tests(["saved_test"]))
"""


def test_a_saved_test_passes_when_it_is_run(api, page, inspector, tmp_path):
    push_from_handler(api)
    opened(page, api)
    page.run("ws.send(JSON.stringify({action: 'hello', n: 1}))")
    wait_for(page, "open", '{"echo": {"action": "hello", "n": 1}}')
    page.run("ws.close()")
    api.backend.wait("/ws/disconnect")
    choose(inspector, connection_id(api))
    inspector.wait_for_text("#timeline", "End")
    inspector.click("#save")
    inspector.wait_for_text("#dialog-title", "Save as a test")
    saved = inspector.run("return document.getElementById('dialog-text').value")

    def run_saved(code):
        (tmp_path / "saved_test.py").write_text(code)
        (tmp_path / "example_site.py").write_text(SITE)
        command = [sys.executable, "example_site.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    done = run_saved(saved)
    assert done.returncode == 0, saved + done.stderr
    assert "Ran 1 test" in done.stderr
    assert run_saved(saved.replace("'n': 1}", "'n': 2}")).returncode != 0


DEBUG_PAGE = (
    b"AttributeError at /ws/default\n\nException Type: AttributeError at /ws/default\n"
    b"Exception Value: 'Room' object has no attribute 'titel'\n"
)


@pytest.fixture
def conversation(api, inspector):
    """Three clients, a handler that fails, a push that was refused, and an armed fault."""
    management, ids = api.management(), []

    def answer(got):
        if b"typo" in got.body:
            return (500, {"Content-Type": "text/plain"}, DEBUG_PAGE)
        data = json.dumps({"from": "alice", "text": json.loads(got.body)["text"]}).encode()
        for identifier in ids:
            with contextlib.suppress(management.exceptions.ClientError):
                management.post_to_connection(ConnectionId=identifier, Data=data)
        return 200

    def step(check):
        eventually(lambda: check(kinds(inspector)))

    api.backend.answers["/ws/default"] = answer
    cookies = {"Cookie": "sessionid=abcdefghijkl; csrftoken=mnopqrstuvwx"}
    with contextlib.ExitStack() as stack:
        sockets = []
        for number, channel in enumerate(("lobby", "lobby", "support")):
            url = f"{api.url}?channel={channel}"
            sockets.append(stack.enter_context(connect(url, additional_headers=cookies)))
            ids.append(api.backend.wait("/ws/connect", number + 1)[-1].headers["connectionId"])
        sockets[2].close()
        ids.pop()
        sockets[0].send(json.dumps({"action": "say", "text": "Good morning!"}))
        step(lambda found: found.count("call") == 5)
        sockets[0].send(json.dumps({"action": "typo"}))
        step(lambda found: found.count("call") == 6)
        choose(inspector, ids[0])
        inspector.click('[data-fault="gone"]')
        inspector.wait_for_text("#armed", "410")
        sockets[1].send(json.dumps({"action": "say", "text": "Who is on call?"}))
        step(lambda found: found[-1] == "push")
        inspector.click('[data-fault="slow"]')
        inspector.wait_for_text("#armed", "429")
        inspector.run("document.querySelectorAll('[data-kind=call] summary')[1].click()")
        yield inspector


AXE = """
const done = arguments[0];
axe.run().then(({violations}) => done(violations.map(({id, impact}) => `${impact}: ${id}`)));
"""


def test_it_is_accessible(conversation):
    script = Path(pytest.importorskip("axe_selenium_python").__file__).with_name("node_modules") / "axe-core/axe.min.js"
    conversation.run(script.read_text())
    for dark in (False, True):
        conversation.set_dark(dark)
        assert [found for found in conversation.run_async(AXE) if found.startswith(("serious", "critical"))] == []
    conversation.click("#save")
    conversation.wait_for_text("#dialog-title", "Save as a test")
    assert [found for found in conversation.run_async(AXE) if found.startswith(("serious", "critical"))] == []


def test_the_picture_of_the_page(conversation):
    # High enough to show the last row, which is the refused push.
    conversation.resize(1280, 960)
    conversation.run("document.querySelector('main').scrollTop = 0")
    time.sleep(0.2)
    conversation.run("document.activeElement.blur()")
    assert "AttributeError: 'Room' object has no attribute 'titel'" in conversation.text("#timeline")
    picture = conversation.screenshot()
    if os.environ.get("SCREENSHOTS"):
        from PIL import Image

        path = Path(os.environ["SCREENSHOTS"], "inspector.png")
        path.write_bytes(picture)
        image = Image.open(path)
        image.resize((1280, image.height * 1280 // image.width)).save(path, optimize=True)
