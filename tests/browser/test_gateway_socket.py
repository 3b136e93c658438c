"""GatewaySocket in Chromium, against a local gateway in a process of its own and a view."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.http import HttpResponse, HttpResponseForbidden
from django.template import RequestContext, Template
from django.urls import path
from django.views.static import serve

from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
from django_aws_api_gateway_websockets.views import WebSocketCheckView, WebSocketView
from tests.demo.driving import free_ports

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

JS = Path(__file__).resolve().parents[2] / "js"
STATIC = "/static/django_aws_api_gateway_websockets/"
#: No inline script, no eval, and sockets to one gateway only.
POLICY = "default-src 'self'; connect-src 'self' ws://{host}"
SCRIPT = f"""
import {{ GatewaySocket }} from "{STATIC}gateway-socket.js";
const log = (window.events = []);
addEventListener("securitypolicyviolation", (event) => log.push(["violation", event.violatedDirective]));
window.start = (url, options) => {{
  const socket = (window.socket = new GatewaySocket(url, options));
  socket.addEventListener("state", ({{ state }}) => log.push(["state", state]));
  socket.addEventListener("close", ({{ code, again }}) => log.push(["close", code, again]));
  socket.addEventListener("message", ({{ message }}) => log.push(["message", message]));
}};
document.body.id = "ready";
"""

HTMX = {
    "2": (
        ["htmx2/dist/htmx.min.js", "htmx-ext-ws/ws.js"],
        '<div hx-ext="ws" ws-connect="{url}"><ul id="log"></ul>'
        '<form ws-send><input type="hidden" name="action" value="html"><input name="text"></form></div>',
    ),
    "4": (
        ["htmx4/dist/htmx.min.js", "htmx4/dist/ext/hx-ws.min.js"],
        '<div hx-ws:connect="{url}"><ul id="log"></ul>'
        '<form hx-ws:send><input type="hidden" name="action" value="html"><input name="text"></form></div>',
    ),
}


class SocketView(WebSocketView):
    """The part of docs/protocol.md that these tests need."""

    asked: list = []

    def connect(self, request, *args, **kwargs):
        if request.GET.get("channel") == "staff":
            return HttpResponseForbidden("You may not join 'staff'.")
        return super().connect(request, *args, **kwargs)

    def default(self, request, *args, **kwargs):
        if self.body.get("_ws", {}).get("beat"):
            self.websocket_session.send_message({"_ws": {"beat": True}})

    def say(self, request, *args, **kwargs):
        self.websocket_session.send_message({"type": "said", "text": self.body["text"]})

    def ask(self, request, *args, **kwargs):
        self.asked.append(self.body["_ws"]["id"])
        reply = {"reply": self.body["_ws"]["id"], "status": 200}
        self.websocket_session.send_message({"answer": self.body["question"] * 2, "_ws": reply})

    def kick(self, request, *args, **kwargs):
        self.websocket_session.disconnect(reason="kicked", again=self.body.get("again", False))

    def html(self, request, *args, **kwargs):
        WebSocketSession.objects.send_html("said.html", {"text": self.body["text"]})


def page(request):
    response = HttpResponse('<!doctype html><body><script type="module" src="/page.js"></script></body>')
    response["Content-Security-Policy"] = POLICY.format(host=urlsplit(ApiGateway.objects.get().websocket_url).netloc)
    return response


def page_script(request):
    return HttpResponse(SCRIPT, content_type="text/javascript")


#: For pages with the template tag: the site's own scripts, or none without the nonce of the page.
TAG_POLICIES = {
    "self": POLICY,
    "nonce": "default-src 'none'; script-src 'nonce-r4nd0m'; connect-src 'self' ws://{host}",
}
TAG = '{% load gateway_socket %}{% gateway_socket "chat" channel=channel check="ws-check" %}'
TAG_SCRIPT = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
window.socket = gatewaySocket({beat: 60});
"""


def tag_page(request, policy, channel):
    request.csp_nonce = "r4nd0m"
    tag = Template(TAG).render(RequestContext(request, {"channel": channel}))
    response = HttpResponse(f'<!doctype html><body>{tag}<script src="/tag.js" defer nonce="r4nd0m"></script></body>')
    host = urlsplit(ApiGateway.objects.get().websocket_url_for(request)).netloc
    response["Content-Security-Policy"] = TAG_POLICIES[policy].format(host=host)
    return response


def tag_script(request):
    return HttpResponse(TAG_SCRIPT, content_type="text/javascript")


def htmx_page(request, version):
    scripts, body = HTMX[version]
    tags = "".join(f'<script src="/npm/{script}"></script>' for script in scripts)
    shim = f'{{% gateway_socket "chat" bundle="htmx{version}" %}}'
    body = body.format(url='{% websocket_url "chat" %}')
    html = f"{{% load gateway_socket %}}<!doctype html><head>{tags}{shim}</head><body>{body}</body>"
    return HttpResponse(Template(html).render(RequestContext(request)))


urlpatterns = [
    path("ws/<slug:route>", SocketView.as_view(require_origin=False)),
    path("ws-check/", WebSocketCheckView.as_view(socket_view=SocketView), name="ws-check"),
    path("tag/<policy>/<channel>/", tag_page),
    path("tag.js", tag_script),
    path("page/", page),
    path("page.js", page_script),
    path("htmx/<version>/", htmx_page),
    path("npm/<path:path>", serve, {"document_root": JS / "node_modules"}),
]


class Gateway:
    """`python -m django_aws_api_gateway_websockets.local`, which can be killed and come back."""

    def __init__(self, state: Path) -> None:
        (self.port,) = free_ports(1)
        self.state = state
        self.start()

    def start(self, *options: str) -> None:
        module = "django_aws_api_gateway_websockets.local"
        command = [sys.executable, "-m", module, "--port", str(self.port), "--state", str(self.state), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert "127.0.0.1" in self.process.stdout.readline()
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self, how: int = signal.SIGKILL) -> None:
        self.process.send_signal(how)
        self.process.wait(10)


@pytest.fixture
def local(tmp_path):
    gateway = Gateway(tmp_path / "state.json")
    yield gateway
    gateway.stop()


@pytest.fixture
def row(local, live_server, settings):
    settings.ROOT_URLCONF = __name__
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [JS.parent / "docs" / "examples"]}]
    settings.WEBSOCKETS = {"LOCAL_GATEWAY": f"http://127.0.0.1:{local.port}"}
    row = ApiGateway.objects.create(api_name="chat", is_local=True, target_base_endpoint=f"{live_server.url}/ws/")
    call_command("createApiGateway", pk=row.pk, stdout=io.StringIO())
    row.refresh_from_db()
    return row


@pytest.fixture
def window(make_window, live_server, row):
    return visit(make_window(), live_server)


def visit(window, live_server):
    window.open(f"{live_server.url}/page/")
    wait_until(lambda: window.run("return document.body.id") == "ready")
    return window


def wait_until(true, timeout=15):
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_state(window, *states):
    def reached():
        return window.run("return window.socket?.state") in states

    try:
        wait_until(reached)
    except AssertionError:
        pytest.fail(f"{window.run('return [socket.state, events]')}, not {states}")


def opened(window, row, **options):
    window.run("start(arguments[0], arguments[1])", row.websocket_url, options)
    wait_for_state(window, "open")
    return window


def events(window, kind):
    return [event[1:] for event in window.run("return events") if event[0] == kind]


def ask(window, question):
    window.run(
        "window.answers ??= []; socket.request('ask', {question: arguments[0]})"
        ".then(({answer}) => answers.push(answer), (error) => answers.push(error.message))",
        question,
    )


def test_it_talks_and_asks_under_a_strict_policy(window, row):
    opened(window, row)
    window.run("socket.send({action: 'say', text: 'Grüße'})")
    ask(window, 21)
    wait_until(lambda: window.run("return window.answers") == [42] and events(window, "message"))
    assert events(window, "message") == [[{"type": "said", "text": "Grüße"}]]
    assert events(window, "state") == [["open"]]
    assert events(window, "violation") == []


def test_it_comes_back_after_the_gateway_was_killed(window, row, local):
    SocketView.asked.clear()
    opened(window, row)
    local.stop()
    wait_for_state(window, "waiting", "connecting")
    assert window.run("return socket.send({action: 'say', text: 'kept'})") is False
    ask(window, 21)
    wait_until(lambda: window.run("return socket.state === 'waiting' && socket.nextAttempt > Date.now()"))
    local.start()
    wait_for_state(window, "open")
    wait_until(lambda: window.run("return answers") == [42] and events(window, "message"))
    assert events(window, "message") == [[{"type": "said", "text": "kept"}]]
    assert len(SocketView.asked) == 1
    assert events(window, "close") == [[1006, True]]


def test_it_comes_back_after_1001(window, row, local):
    local.stop()
    local.start("--idle-timeout", "1")
    opened(window, row)
    wait_until(lambda: [1001, True] in events(window, "close"))
    wait_for_state(window, "open")


def test_beats_keep_it_open_beyond_the_idle_limit(window, row, local):
    local.stop()
    local.start("--idle-timeout", "1")
    opened(window, row, beat=0.4)
    time.sleep(2.5)
    assert events(window, "close") == []
    assert events(window, "message") == []


def test_a_frame_has_32_kb_and_more_is_refused_in_the_page(window, row):
    opened(window, row)
    frame = "const text = (length) => JSON.stringify({action: 'say', text: 'x'.repeat(length)});"
    room = 32 * 1024 - len('{"action":"say","text":""}')
    assert window.run(f"{frame} return socket.send(text({room}))") is True
    wait_until(lambda: events(window, "message"))
    refused = window.run(f"{frame} try {{ socket.send(text({room + 1})) }} catch (error) {{ return error.name }}")
    assert refused == "RangeError"
    ask(window, 21)
    wait_until(lambda: window.run("return answers") == [42])
    assert events(window, "close") == []


def test_a_kick_is_told_and_final(window, row):
    opened(window, row)
    window.run("socket.send({action: 'kick'})")
    wait_for_state(window, "closed")
    assert window.run("return socket.reason.message") == "kicked"
    wait_until(lambda: not WebSocketSession.objects.filter(connected=True).exists())
    time.sleep(1)
    assert WebSocketSession.objects.count() == 1


def test_a_page_that_is_told_to_comes_back(window, row):
    opened(window, row)
    window.run("socket.send({action: 'kick', again: true})")
    wait_until(lambda: events(window, "state").count(["open"]) == 2)
    assert [one[1] for one in events(window, "close")] == [True]
    assert WebSocketSession.objects.get(connected=False).closed_reason == "kicked"


def log_out(user, client):
    client.logout()


def change_password(user, client):
    user.set_password("other")
    user.save()


@pytest.mark.parametrize(("end", "reason"), [(log_out, "logout"), (change_password, "password_changed")])
def test_the_end_of_a_login_is_told_and_final(window, live_server, row, alice, client, end, reason):
    client.force_login(alice)
    window.set_cookie("sessionid", client.cookies["sessionid"].value)
    window.open(f"{live_server.url}/tag/self/lobby/")
    wait_for_state(window, "open")
    assert WebSocketSession.objects.get().user == alice
    end(alice, client)
    wait_for_state(window, "closed")
    assert window.run("return socket.reason.message") == reason
    time.sleep(1)
    assert WebSocketSession.objects.count() == 1


def test_a_refused_handshake_stops_and_says_why(window, row):
    url = f"{row.websocket_url}?channel=staff"
    window.run("start(arguments[0], {check: '/ws-check/'})", url)
    wait_for_state(window, "refused")
    assert window.run("return socket.reason") == {"status": 403, "message": "You may not join 'staff'."}


def test_a_handshake_refused_without_a_reason_is_retried(window, row):
    window.run("start(arguments[0])", f"{row.websocket_url}?channel=staff")
    wait_for_state(window, "waiting")
    wait_until(lambda: events(window, "state").count(["connecting"]) >= 2)


def test_leaving_the_page_closes_the_socket_and_back_reopens_it(window, row, live_server):
    opened(window, row)
    window.open(f"{live_server.url}/page.js")
    wait_until(lambda: not WebSocketSession.objects.filter(connected=True).exists())
    window.back()
    # From the cache of the browser, or loaded anew.
    wait_until(lambda: window.run("return document.body.id") == "ready")
    if window.run("return !!window.socket"):
        wait_for_state(window, "open")


def test_tabs_share_one_connection_and_hand_it_on(window, row, live_server):
    opened(window, row, share="chat")
    first, *tabs = window.tab, window.new_tab(), window.new_tab()
    for tab in tabs:
        window.switch_to(tab)
        opened(visit(window, live_server), row, share="chat")
    assert WebSocketSession.objects.filter(connected=True).count() == 1
    ask(window, 21)
    wait_until(lambda: window.run("return answers") == [42])

    window.close_tab(first)
    window.switch_to(tabs[0])
    wait_until(lambda: WebSocketSession.objects.count() == 2)
    ask(window, 4)
    wait_until(lambda: window.run("return window.answers") == [8])
    window.switch_to(tabs[1])
    wait_for_state(window, "open")
    assert WebSocketSession.objects.filter(connected=True).count() == 1


@pytest.mark.parametrize("policy", TAG_POLICIES)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_template_tag_works_under_a_strict_policy(make_window, live_server, row, policy, host):
    window = make_window()
    window.open(f"http://{host}:{urlsplit(live_server.url).port}/tag/{policy}/lobby/")
    wait_for_state(window, "open")
    assert WebSocketSession.objects.get().channel_name == "lobby"
    assert window.run("return violations") == []
    settings = json.loads(window.text("#gateway-socket"))
    assert urlsplit(settings["url"]).hostname == host


def test_the_tag_knows_the_check_of_a_refused_handshake(make_window, live_server, row):
    window = make_window()
    window.open(f"{live_server.url}/tag/self/staff/")
    wait_for_state(window, "refused")
    assert window.run("return socket.reason") == {"status": 403, "message": "You may not join 'staff'."}


@pytest.mark.parametrize("version", HTMX)
def test_htmx_posts_and_swaps_again_after_1001(make_window, live_server, row, local, npm, version):
    windows = [make_window(), make_window()]
    for window in windows:
        window.open(f"{live_server.url}/htmx/{version}/")
    for text in ("before", "after"):
        wait_until(lambda: WebSocketSession.objects.filter(connected=True).count() == 2)
        for window in windows:
            wait_until(lambda: window.run("return document.documentElement.dataset.socket") == "open")  # noqa: B023
        windows[0].fill("input[name=text]", text, "\n")
        for window in windows:
            window.wait_for_text("#log", text)
        if text == "before":
            windows[0].run("document.querySelector('form').reset()")
            local.stop(signal.SIGTERM)
            wait_until(lambda: not WebSocketSession.objects.filter(connected=True).exists())
            local.start()
    assert [window.text("#log") for window in windows] == ["beforeafter"] * 2
    assert WebSocketSession.objects.count() == 4
