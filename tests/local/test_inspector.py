"""The inspector through real HTTP and real sockets: what it shows, what it breaks, and who may ask it."""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import quote, urlencode, urlsplit

import pytest
from botocore.exceptions import ClientError

from django_aws_api_gateway_websockets.local.inspector import faults
from django_aws_api_gateway_websockets.local.inspector.copy_as_curl import curl_of
from django_aws_api_gateway_websockets.local.inspector.recorder import MAX_BYTES, MAX_EVENTS, Recorder
from django_aws_api_gateway_websockets.local.inspector.saving import test_of as saved_test_of
from django_aws_api_gateway_websockets.local.server import LocalGateway
from tests.sockets import connect

from .conftest import Api, Backend, client, eventually, message, new_api
from .test_data_plane import closed_with, refused_with
from .test_hosts import REBOUND, answer

SECRET = "s3cr3t-of-the-gateway"
MASK = "•••"


class Inspector:
    """The page's requests, as scripts make them."""

    def __init__(self, url: str) -> None:
        self.root, _, self.token = url.partition("?token=")

    def request(self, path: str, data: Any = None, token: Optional[str] = None, **headers: str) -> Tuple[int, str]:
        body = None if data is None else json.dumps(data).encode()
        every = {"X-Inspector-Token": self.token if token is None else token, **headers}
        request = urllib.request.Request(self.root + path, data=body, headers=every)
        try:
            with urllib.request.urlopen(request, timeout=10) as got:
                return got.status, got.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def post(self, action: str, **data: Any) -> None:
        status, body = self.request(action, data)
        assert status == 200, body

    def events(self, *kinds: str, **query: str) -> List[Dict[str, Any]]:
        status, body = self.request(f"events.jsonl?{urlencode(query)}")
        assert status == 200, body
        found = [json.loads(line) for line in body.splitlines()]
        return [event for event in found if not kinds or event["kind"] in kinds]

    def wait(self, kind: str, count: int = 1) -> List[Dict[str, Any]]:
        def found() -> List[Dict[str, Any]]:
            events = self.events(kind)
            return events if len(events) >= count else []

        return eventually(found)

    def text(self, path: str, **query: Any) -> str:
        status, body = self.request(f"{path}?{urlencode(query)}")
        assert status == 200, body
        return str(json.loads(body)["text"])


@pytest.fixture
def watched(backend: Backend) -> Iterator[Api]:
    """An API on a gateway with the inspector, whose integrations send a secret."""
    with LocalGateway(inspector=True) as gateway:
        api = new_api(gateway, client("apigatewayv2", gateway.url), backend)
        secret = {"integration.request.header.X-Websocket-Gateway-Secret": f"'{SECRET}'"}
        for key in ("$connect", "$disconnect", "$default"):
            api.route(key, f"/ws/{key[1:]}", parameters=secret)
        api.route("echo", "/ws/echo", two_way=True)
        api.deploy()
        yield api


@pytest.fixture
def inspector(watched: Api) -> Inspector:
    url = watched.gateway.inspector_url
    assert url is not None
    return Inspector(url)


def only_id(api: Api, nth: int = -1) -> str:
    return api.backend.wait("/ws/connect")[nth].headers["connectionId"]


def push(api: Api, connection_id: str, text: str = "hello") -> int:
    """Push as the site does. Return the status."""
    try:
        api.management().post_to_connection(ConnectionId=connection_id, Data=text.encode())
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return 200


# -- what it shows --------------------------------------------------------------------------------------------


def test_the_life_of_a_connection_is_shown(watched: Api, inspector: Inspector) -> None:
    watched.backend.answers["/ws/default"] = lambda got: (push(watched, got.headers["connectionId"]), 200)[1]
    with connect(f"{watched.url}?channel=lobby") as ws:
        ws.send(message("any"))
        assert ws.recv(timeout=5) == "hello"
        # The frame arrives before the site has answered the message.
        inspector.wait("call", 2)
        watched.management().delete_connection(ConnectionId=only_id(watched))
        assert closed_with(ws) == 1000
    watched.backend.wait("/ws/disconnect")
    inspector.wait("call", 3)
    events = inspector.events()
    assert [event["kind"] for event in events] == [
        *("handshake", "call", "opened", "received", "push", "call", "closed", "call"),
    ]
    assert {event["connection"] for event in events} == {only_id(watched)}
    shake, connected, opened, received, pushed, called, closed, _ = events
    assert shake["channel"] == "lobby"
    assert "Sec-WebSocket-Key" in dict(shake["headers"])
    assert (connected["route"], connected["status"], connected["ms"] > 0) == ("$connect", 200, True)
    assert connected["url"] == f"{watched.backend.url}/ws/connect?channel=lobby"
    assert (opened["api"], opened["stage"]) == (watched.api_id, "test")
    assert (received["text"], received["route"]) == (message("any"), "$default")
    assert (pushed["text"], pushed["status"]) == ("hello", 200)
    assert (called["route"], called["text"], called["status"]) == ("$default", message("any"), 200)
    assert (closed["code"], closed["reason"]) == (1000, "deleted by @connections")


@pytest.mark.parametrize("name", ["alice", "J\u00fcrgen M.", "a\r\nb", "\u202e<b>", ""])
def test_the_inspector_shows_the_user_that_the_site_names(watched: Api, inspector: Inspector, name: str) -> None:
    headers = {"X-Websocket-User": quote(name), "X-Other": "x"}
    watched.backend.answers["/ws/connect"] = (200, headers if name else {}, b"")
    with connect(watched.url) as ws:
        assert inspector.wait("opened")[0]["user"] == name
        (state,) = json.loads(inspector.request("state")[1])["open"]
        assert state["user"] == name
        # The client is not told.
        assert "X-Websocket-User" not in ws.response.headers


DEBUG_TEXT = "ValueError at /ws/d\nno room\n\nException Type: ValueError at /ws/d\nException Value: no room\n"
DEBUG_PAGE = (
    "<!DOCTYPE html><title>KeyError\n          at /ws/default</title>"
    '<pre class="exception_value">&#x27;room&#x27;</pre><td>SECRET_KEY</td><td>django-insecure</td>'
)
TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1\nZeroDivisionError: division by zero\n'


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        (DEBUG_TEXT, "500: ValueError: no room"),
        (DEBUG_PAGE, "500: KeyError: 'room'"),
        (TRACEBACK, "500: ZeroDivisionError: division by zero"),
        ('{"message": "The handler failed"}', "500: The handler failed"),
        ("<h1>Server Error (500)</h1>", "500: the log of the site shows the reason"),
    ],
)
def test_the_exception_of_the_site_is_shown(watched: Api, inspector: Inspector, body: str, summary: str) -> None:
    watched.backend.answers["/ws/default"] = (500, {}, body.encode())
    with connect(watched.url) as ws:
        ws.send("{}")
        call = inspector.wait("call", 2)[1]
    assert call["summary"] == summary
    assert "django-insecure" not in json.dumps(call)


def test_refusals_and_unreachable_sites_are_shown(watched: Api, inspector: Inspector) -> None:
    watched.backend.answers["/ws/connect"] = (403, {}, b'{"message": "Log in first"}')
    assert refused_with(watched.url) == 403
    assert refused_with(f"{watched.url}x") == 403
    calls, refused = inspector.wait("call"), inspector.wait("refused", 2)
    assert calls[0]["summary"] == "403: Log in first"
    assert [event["status"] for event in refused] == [403, 403]


def test_an_unreachable_site_is_shown(watched: Api, inspector: Inspector) -> None:
    api = new_api(watched.gateway, watched.control, watched.backend)
    api.route("$connect", IntegrationUri="http://127.0.0.1:9/")
    api.deploy()
    assert refused_with(api.url) == 502
    call = inspector.wait("call")[0]
    assert (call["status"], call["summary"]) == (None, "nothing listens at 127.0.0.1:9. Is the site running?")


def test_frames_and_replies_are_shown(watched: Api, inspector: Inspector) -> None:
    watched.backend.answers["/ws/echo"] = lambda got: (200, {}, got.body)
    watched.control.create_route(ApiId=watched.api_id, RouteKey="nowhere")
    watched.deploy()
    with connect(watched.url) as ws:
        for action in ("echo", "nowhere"):
            ws.send(message(action))
            ws.recv(timeout=5)
    assert inspector.wait("reply")[0]["text"] == message("echo")
    assert json.loads(inspector.wait("error")[0]["text"])["message"] == "Internal server error"


def test_events_are_followed_by_number_and_connection(watched: Api, inspector: Inspector) -> None:
    with connect(watched.url), connect(watched.url):
        first, second = only_id(watched, 0), only_id(watched, 1)
        inspector.wait("opened", 2)
        assert {event["connection"] for event in inspector.events(connection=first)} == {first}
        last = inspector.events()[-1]["n"]
        assert inspector.events(after=str(last)) == []
        assert [event["n"] for event in inspector.events(after="1", limit="2")] == [2, 3]
        threading.Timer(0.2, push, (watched, second)).start()
        began = time.monotonic()
        assert [event["kind"] for event in inspector.events(after=str(last), wait="5")] == ["push"]
        assert time.monotonic() - began < 4


def test_only_the_newest_events_are_kept() -> None:
    recorder = Recorder()
    for _ in range(MAX_EVENTS + 5):
        recorder.append("reply", "a=", ("x",))
    kept = recorder.after(0)
    assert (len(kept), kept[0].number, kept[-1].number) == (MAX_EVENTS, 6, MAX_EVENTS + 5)
    assert recorder.find(5) is None
    assert [recorder.find(number) for number in (6, MAX_EVENTS + 5)] == [kept[0], kept[-1]]
    assert recorder.find(MAX_EVENTS + 6) is None
    text = "x" * (MAX_BYTES // 1000)
    for number in range(2000):
        recorder.append("reply", "a=", (f"{text}{number}",))
    # The recorder drops old events in blocks of about 1 MB.
    assert 970 <= len(recorder.after(0)) <= 1020
    assert recorder.find(MAX_EVENTS + 900) is None
    assert [event.number for event in recorder.after(MAX_EVENTS + 2003)] == [MAX_EVENTS + 2004, MAX_EVENTS + 2005]


def test_an_event_larger_than_the_ring_does_not_break_it() -> None:
    recorder = Recorder()
    for number in range(20):
        recorder.append("reply", "a=", (number,))
    recorder.append("refused", "a=", (200, b"x" * (MAX_BYTES + 1)))
    recorder.append("reply", "a=", ("next",))
    assert [(event.number, event.details) for event in recorder.after(0)] == [(22, ("next",))]


class Text(str):
    def __str__(self) -> str:
        return "something else"


class Pair(NamedTuple):
    name: str
    status: HTTPStatus


def test_any_details_are_kept() -> None:
    recorder = Recorder()
    details = (Text("text"), HTTPStatus.GONE, Pair("a", HTTPStatus.OK), True, None, 1.5, b"x", Path("a"))
    for _ in range(40):
        recorder.append("reply", "a=", details)
    kept = recorder.after(0)
    assert len(kept) == 40
    assert kept[0].details == ("text", 410, ("a", 200), True, None, 1.5, b"x", repr(Path("a")))


# -- secrets --------------------------------------------------------------------------------------------------


def test_secrets_of_a_connection_are_never_shown(watched: Api, inspector: Inspector) -> None:
    planted = ["sessionid-value-1", "bearer-value-22", "connect-token-333", SECRET]
    watched.backend.answers["/ws/default"] = (200, {}, f"you sent {planted[0]} and {SECRET}".encode())
    headers = {"Cookie": f"sessionid={planted[0]}; theme=dark", "Authorization": f"Bearer {planted[1]}"}
    with connect(f"{watched.url}?ws_token={planted[2]}&channel=a", additional_headers=headers) as ws:
        ws.send(json.dumps({"note": planted, "text": " ".join(planted)}))
        watched.backend.wait("/ws/default")
        push(watched, only_id(watched), f"secret {SECRET} {quote(planted[1])}")
        ws.recv(timeout=5)
    inspector.wait("closed")
    assert watched.backend.received[0].headers["X-Websocket-Gateway-Secret"] == SECRET
    shown = json.dumps(inspector.events(), ensure_ascii=False)
    shown += "".join(inspector.text("curl", event=event["n"]) for event in inspector.events())
    shown += inspector.text("test", connection=only_id(watched))
    assert [value for value in [*planted, inspector.token] if value in shown] == []
    assert f"sessionid={MASK}; theme={MASK}" in shown
    assert "channel" in shown


# -- faults ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "status"), [("gone", 410), ("slow", 429), ("throttled", 429), ("error", 500)])
def test_a_fault_breaks_the_next_push_only(watched: Api, inspector: Inspector, name: str, status: int) -> None:
    with connect(watched.url), connect(watched.url):
        first, second = only_id(watched, 0), only_id(watched, 1)
        inspector.post("fault", name=name, connection=first)
        assert [push(watched, second), push(watched, first), push(watched, first)] == [200, status, 200]
        assert [event["status"] for event in inspector.wait("push", 3)] == [200, status, 200]
        assert inspector.events("fault")[0]["name"] == name


@pytest.mark.parametrize("name", ["gone", "slow", "throttled", "error"])
def test_a_lasting_fault_breaks_every_push_until_cleared(watched: Api, inspector: Inspector, name: str) -> None:
    with connect(watched.url), connect(watched.url):
        ids = [only_id(watched, 0), only_id(watched, 1)]
        inspector.post("fault", name=name, connection="", lasting=True)
        assert 200 not in [push(watched, one) for one in [*ids, *ids]]
        assert json.loads(inspector.request("state")[1])["armed"] == [{"name": name, "connection": "", "lasting": True}]
        inspector.post("clear")
        assert [push(watched, one) for one in ids] == [200, 200]


def test_the_fault_of_a_connection_ends_with_it(watched: Api, inspector: Inspector) -> None:
    with connect(watched.url):
        inspector.post("fault", name="gone", connection=only_id(watched), lasting=True)
        inspector.post("fault", name="deploy", connection=only_id(watched))
    inspector.wait("closed")
    assert json.loads(inspector.request("state")[1])["armed"] == []


def test_a_hanging_push_answers_late(watched: Api, inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_aws_api_gateway_websockets.local.inspector.inspector.HANG_SECONDS", 0.3)
    with connect(watched.url):
        inspector.post("fault", name="hang", connection=only_id(watched))
        began = time.monotonic()
        assert push(watched, only_id(watched)) == 500
        assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("name", "code"), [("age", 1001), ("idle", 1001)])
@pytest.mark.parametrize("everybody", [True, False])
def test_a_limit_ends_connections_at_once(
    watched: Api, inspector: Inspector, name: str, code: int, everybody: bool
) -> None:
    with connect(watched.url) as first, connect(watched.url) as second:
        inspector.post("fault", name=name, connection="" if everybody else only_id(watched, 0))
        assert closed_with(first) == code
        if everybody:
            assert closed_with(second) == code
        else:
            second.send("{}")
            watched.backend.wait("/ws/default")
        watched.backend.wait("/ws/disconnect", 2 if everybody else 1)


def test_a_cut_connection_sends_no_disconnect(watched: Api, inspector: Inspector) -> None:
    with connect(watched.url) as ws, connect(watched.url):
        inspector.post("fault", name="cut", connection=only_id(watched, 0))
        with pytest.raises(Exception, match="no close frame"):
            ws.recv(timeout=5)
        assert push(watched, only_id(watched, 0)) == 410
        closed = inspector.wait("closed")[0]
        assert (closed["code"], closed["reason"]) == (1006, "cut by the inspector")
    watched.backend.wait("/ws/disconnect")
    assert len([got for got in watched.backend.received if got.path == "/ws/disconnect"]) == 1


def test_a_deployment_makes_the_site_unreachable(
    watched: Api, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "DEPLOY_SECONDS", 0.5)
    with connect(watched.url) as ws:
        inspector.post("fault", name="deploy", connection="")
        ws.send("{}")
        assert json.loads(ws.recv(timeout=5))["message"] == "Internal server error"
        assert refused_with(watched.url) == 502
        time.sleep(0.6)
        ws.send("{}")
        watched.backend.wait("/ws/default")


def played(seed: int, backend: Backend) -> List[Tuple[str, str]]:
    """Run the same conversation under a seed. Return its faults, with the place of their connection."""
    with LocalGateway(inspector=True, chaos=seed) as gateway:
        api = new_api(gateway, client("apigatewayv2", gateway.url), backend)
        api.route("$connect", f"/{seed}/connect")
        api.route("$default", f"/{seed}/default")
        api.deploy()
        url = gateway.inspector_url
        assert url is not None
        inspector, ids = Inspector(url), []
        before = len(backend.received)
        for _ in range(3):
            with connect(api.url) as ws:
                ids.append(eventually(lambda: inspector.events("opened")[len(ids) :])[0]["connection"])
                for _ in range(8):
                    push(api, ids[-1])
                ws.send("{}")
        assert len(backend.received) > before
        return [(str(ids.index(event["connection"])), event["name"]) for event in inspector.events("fault")]


def test_the_same_seed_plays_the_same_faults(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_aws_api_gateway_websockets.local.inspector.inspector.HANG_SECONDS", 0.01)
    monkeypatch.setattr(faults, "DEPLOY_SECONDS", 0.0)
    first, again, other = played(7, backend), played(7, backend), played(8, backend)
    assert first == again
    assert first
    assert first != other


# -- actions --------------------------------------------------------------------------------------------------


def test_a_message_is_sent_again_and_edited(watched: Api, inspector: Inspector) -> None:
    with connect(watched.url) as ws:
        ws.send(message("any", n=1))
        number = inspector.wait("received")[0]["n"]
        inspector.post("again", event=number)
        inspector.post("again", event=number, text=message("any", n=2))
        bodies = [got.body.decode() for got in watched.backend.wait("/ws/default", 3)]
    assert bodies == [message("any", n=1), message("any", n=1), message("any", n=2)]


def test_a_call_is_sent_again_with_its_secret(watched: Api, inspector: Inspector) -> None:
    with connect(watched.url) as ws:
        ws.send("{}")
        call = inspector.wait("call", 2)[1]
        inspector.post("again", event=call["n"], text='{"edited": true}')
        got = watched.backend.wait("/ws/default", 2)[1]
    assert (got.body, got.headers["X-Websocket-Gateway-Secret"]) == (b'{"edited": true}', SECRET)


def test_pushing_and_closing_by_hand(watched: Api, inspector: Inspector) -> None:
    with connect(watched.url) as ws:
        inspector.post("push", connection=only_id(watched), text="by hand é")
        assert ws.recv(timeout=5) == "by hand é"
        inspector.post("again", event=inspector.wait("push")[0]["n"], text="and again")
        assert ws.recv(timeout=5) == "and again"
        inspector.post("close", connection=only_id(watched))
        assert closed_with(ws) == 1000
    assert inspector.wait("closed")[0]["reason"] == "closed by the inspector"


@pytest.mark.parametrize(
    ("action", "data", "status"),
    [
        ("push", {"connection": "AAAA=", "text": "x"}, 404),
        ("close", {"connection": "AAAA="}, 404),
        ("again", {"event": 99}, 404),
        ("again", {"event": "x"}, 400),
        ("push", {"connection": 1, "text": "x"}, 400),
        ("fault", {"name": "earthquake", "connection": ""}, 400),
        ("fault", {"name": "cut", "connection": "AAAA="}, 404),
        ("nothing", {}, 404),
        ("push", [], 400),
    ],
)
def test_actions_on_what_is_unknown_are_refused(watched: Api, inspector: Inspector, action, data, status) -> None:
    assert inspector.request(action, data)[0] == status


@pytest.mark.parametrize("path", ["nothing", "..%2Fsite.py", "../site.py", "inspector.html"])
def test_unknown_files_are_refused(watched: Api, inspector: Inspector, path: str) -> None:
    assert inspector.request(path)[0] == 404


def test_a_push_is_copied_as_curl(watched: Api, inspector: Inspector) -> None:
    with connect(watched.url) as ws:
        inspector.post("push", connection=only_id(watched), text='it\'s "quoted" $HOME')
        ws.recv(timeout=5)
        command = inspector.text("curl", event=inspector.wait("push")[0]["n"])
        subprocess.run([*shlex.split(command), "-sf"], check=True, timeout=10)
        assert ws.recv(timeout=5) == 'it\'s "quoted" $HOME'


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[201~\ntouch owned\n",
        "\x03\ntouch owned\n",
        "'; touch owned; '\r",
        "$(touch owned)`touch owned`\t",
        "\\'\n\u202eabc\u00e4",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("kind", ["call", "push", "handshake"])
def test_a_copied_curl_command_runs_no_text_of_a_client(tmp_path: Path, kind: str, text: str) -> None:
    event = {"kind": kind, "connection": "a=", "method": "POST", "url": "http://s/?[1-9]", "headers": [["X", text]]}
    event.update(text=text, path="/", query=f"a={text}")
    command = curl_of(event, "http://127.0.0.1:1", "/api/stage")
    assert command.isprintable()
    script = f"curl() {{ printf '%s\\0' \"$@\"; }}; {command}"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=True, timeout=10)
    words = done.stdout.decode().split("\0")
    assert "--globoff" in words
    assert (text if kind != "handshake" else f"X: {text}") in words
    assert list(tmp_path.iterdir()) == []


# -- who may ask ----------------------------------------------------------------------------------------------


PATHS = ["", "events.jsonl", "state", "curl?event=1", "test?connection=x"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", ["", "wrong", "é", "x" * 32])
def test_nothing_is_told_without_the_token(inspector: Inspector, path: str, token: str) -> None:
    separator = "&" if "?" in path else "?"
    given = f"{path}{separator}{urlencode({'token': token})}" if token else path
    status, body = inspector.request(given, token="")
    assert (status, list(json.loads(body))) == (403, ["message"])


def test_a_token_in_the_url_of_an_action_is_not_enough(inspector: Inspector) -> None:
    """A form of another page could send it, if the URL leaked."""
    assert inspector.request(f"clear?token={inspector.token}", {}, token="")[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", [*PATHS, "inspector.js"])
def test_pages_of_another_origin_get_nothing(inspector: Inspector, path: str, headers: Dict[str, str]) -> None:
    status, body = inspector.request(path, **headers)
    assert (status, list(json.loads(body))) == (403, ["message"])
    assert inspector.request("clear", {}, **headers)[0] == 403


@pytest.mark.parametrize("host", REBOUND)
def test_other_hosts_get_nothing(watched: Api, inspector: Inspector, host: str) -> None:
    for path in ("", "events.jsonl", "inspector.js"):
        assert answer(watched.gateway.port, host, f"/_inspector/{path}?token={inspector.token}")[0] == 403


def test_names_given_by_option_do_not_reach_the_inspector() -> None:
    """The control plane may be open to other machines. The inspector never is."""
    with LocalGateway(host="0.0.0.0", public_url="http://box.test", inspector=True) as gateway:
        url = gateway.inspector_url
        assert url is not None
        path = urlsplit(url).path + "?" + urlsplit(url).query
        assert answer(gateway.port, "box.test", "/v2/apis")[0] == 200
        assert answer(gateway.port, "box.test", path)[0] == 403
        assert answer(gateway.port, "127.0.0.1", path)[0] == 200


def test_the_page_is_served_with_a_strict_policy(inspector: Inspector) -> None:
    for path in ("", "inspector.js", "rows.js", "inspector.css", "icon.svg"):
        with urllib.request.urlopen(f"{inspector.root}{path}?token={inspector.token}") as got:
            policy = got.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert got.headers["X-Content-Type-Options"] == "nosniff"
            body = got.read().decode()
        assert "http://" not in body.replace("http://www.w3.org/2000/svg", "")
        assert "innerHTML" not in body


def test_a_gateway_without_the_inspector_has_no_page(api: Api) -> None:
    assert api.gateway.inspector_url is None
    assert answer(api.gateway.port, "127.0.0.1", "/_inspector/")[0] == 403


# -- a saved test ---------------------------------------------------------------------------------------------


def test_a_saved_test_repeats_the_conversation(watched: Api, inspector: Inspector) -> None:
    watched.backend.answers["/ws/default"] = lambda got: (
        push(watched, got.headers["connectionId"], '{"ok": true}'),
        200,
    )[1]
    with connect(f"{watched.url}?channel=lobby&page=2", origin=watched.backend.url) as ws:
        ws.send(message("any"))
        ws.recv(timeout=5)
        inspector.wait("call", 2)
        inspector.post("push", connection=only_id(watched), text="from elsewhere")
        ws.recv(timeout=5)
    inspector.wait("closed")
    code = inspector.text("test", connection=only_id(watched))
    compile(code, "saved.py", "exec")
    steps = [line.strip() for line in code[code.index("client =") :].splitlines()]
    assert steps == [
        "client = GatewayClient()",
        "socket = client.connect('/ws/', channel='lobby', query={'page': '2'})",
        'response = socket.send(\'{"action": "any"}\')',
        "self.assertEqual(response.status_code, 200)",
        "self.assertEqual(socket.receive_json(), {'ok': True})",
        "# A push that no message of this test caused: from elsewhere",
        "socket.disconnect()",
    ]


DEPTHS = (90, 250, 950, 20_000)


@pytest.mark.parametrize(
    "text",
    ["'''\nimport os", '"""\\', "\r\nraise SystemExit", "\u2028x = 1", "{'a': 1}", '{"a": NaN}', "\ud800"]
    + [opening * depth + "1" + closing * depth for opening, closing in ("[]", ('{"a": ', "}")) for depth in DEPTHS],
)
def test_a_saved_test_holds_texts_as_texts(text: str) -> None:
    shake = {"n": 1, "kind": "handshake", "connection": "a", "query": "channel=" + quote("'\n#"), "headers": []}
    called = {"n": 2, "kind": "call", "connection": "a", "route": "$connect", "url": "http://s/ws/connect", "text": ""}
    pushed = {"n": 4, "kind": "push", "connection": "a", "text": text, "status": 200}
    received = {"n": 3, "kind": "received", "connection": "a", "text": text, "route": text}
    again = {**called, "n": 5, "route": text, "text": text, "status": 200}
    code = saved_test_of([shake, {**called, "status": 200}, received, pushed, again, {**pushed, "n": 6}])
    compile(code, "saved.py", "exec")
    steps = code[code.index("client =") :].splitlines()
    assert all(line.startswith(" " * 8) for line in steps[1:])
