"""The protocol between a page's GatewaySocket and the view: docs/protocol.md."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse, HttpResponseBadRequest, JsonResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.test import override_settings
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketView

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

runs = []


ANSWERS = {
    "text": lambda: HttpResponseBadRequest("Write 1 to 200 characters."),
    "plain": lambda: HttpResponse("The room is full.", status=409, content_type="text/plain"),
    "json": lambda: JsonResponse({"message": "No such <room>. " + "x" * 200}, status=404),
    "other-json": lambda: JsonResponse({"detail": "no message"}, status=400),
    "message-of-no-text": lambda: JsonResponse({"message": ["a", "list"]}, status=400),
    "html": lambda: HttpResponse("<h1>Failed</h1>", status=400),
    "long": lambda: HttpResponseBadRequest("x" * 201),
    "binary": lambda: HttpResponseBadRequest(b"%PDF", content_type="application/pdf"),
    "stream": lambda: StreamingHttpResponse(["text"], status=400),
    "unrendered": lambda: SimpleTemplateResponse(engines["django"].from_string("<p>Failed</p>"), status=400),
}
STOPS = {
    "404": Http404("No Room matches the given query."),
    "400": BadRequest("secret"),
    "suspicious": SuspiciousOperation("secret"),
}


class AnsweringView(WebSocketView):
    def add(self, request, *args, **kwargs):
        runs.append(self.body)
        self.reply({"sum": self.body["a"] + self.body["b"]})

    def refuse(self, request, *args, **kwargs):
        return HttpResponseBadRequest()

    def reject(self, request, *args, **kwargs):
        self.reply({"message": "The room is full."}, status=409)

    def deny(self, request, *args, **kwargs):
        raise PermissionDenied("Members only.")

    def fail(self, request, *args, **kwargs):
        runs.append(self.body)
        raise RuntimeError("a detail that stays on the server")

    def answer(self, request, *args, **kwargs):
        return ANSWERS[self.body["kind"]]()

    def stop(self, request, *args, **kwargs):
        raise STOPS[self.body["kind"]]

    def quiet(self, request, *args, **kwargs):
        pass


EXAMPLE = runpy.run_path(str(Path(__file__).resolve().parent.parent / "docs/examples/replying.py"))
urlpatterns = [
    path("ws/<slug:route>", AnsweringView.as_view()),
    path("basket/<slug:route>", EXAMPLE["BasketView"].as_view()),
]


@pytest.fixture(autouse=True)
def nothing_remembered():
    runs.clear()
    cache.clear()


@pytest.fixture
def socket(db):
    return GatewayClient().connect("/ws/")


def ask(socket, action, request_id="r-1", **message):
    return socket.send_json({"action": action, **message, "_ws": {"id": request_id, "v": 1}})


def test_a_request_gets_what_its_handler_replied(socket):
    ask(socket, "add", a=2, b=3)
    assert socket.receive_json() == {"sum": 5, "_ws": {"reply": "r-1", "status": 200}}


def test_a_request_without_a_reply_settles_too(socket):
    ask(socket, "quiet")
    assert socket.receive_json() == {"_ws": {"reply": "r-1", "status": 200}}


@pytest.mark.parametrize(
    ("action", "status", "message"),
    [
        ("refuse", 400, "Bad Request"),
        ("reject", 409, "The room is full."),
        ("deny", 403, "Members only."),
    ],
)
def test_a_refusal_reaches_the_caller(socket, action, status, message):
    ask(socket, action)
    assert socket.receive_json() == {"message": message, "_ws": {"reply": "r-1", "status": status}}


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [
        ("text", 400, "Write 1 to 200 characters."),
        ("plain", 409, "The room is full."),
        ("json", 404, "No such <room>. " + "x" * 200),
        *((kind, 400, "Bad Request") for kind in ("other-json", "message-of-no-text", "html", "long", "binary")),
        *((kind, 400, "Bad Request") for kind in ("stream", "unrendered")),
    ],
)
def test_the_text_of_a_response_reaches_the_caller(socket, kind, status, message):
    ask(socket, "answer", kind=kind)
    assert socket.receive_json() == {"message": message, "_ws": {"reply": "r-1", "status": status}}


@pytest.mark.parametrize(
    ("kind", "status", "message", "shown"),
    [
        ("404", 404, "The site did not find it.", "Http404: No Room matches the given query."),
        ("400", 400, "The site does not accept this message.", "BadRequest: secret"),
        ("suspicious", 400, "The site does not accept this message.", "SuspiciousOperation: secret"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_an_exception_has_the_status_that_django_gives_it(socket, settings, debug, kind, status, message, shown):
    settings.DEBUG = debug
    assert ask(socket, "stop", kind=kind).status_code == status
    reply = socket.receive_json()
    assert reply == {"message": shown if debug else message, "_ws": {"reply": "r-1", "status": status}}


@pytest.mark.parametrize("debug", [False, True])
def test_an_unknown_action_is_told_to_the_caller(socket, settings, debug):
    settings.DEBUG = debug
    ask(socket, "nothing")
    reply = socket.receive_json()
    assert reply["_ws"] == {"reply": "r-1", "status": 404}
    assert ("AnsweringView has no handler for 'nothing'" in reply["message"]) == debug


def test_a_failed_handler_tells_no_detail(socket):
    with pytest.raises(RuntimeError):
        ask(socket, "fail")
    assert socket.receive_json() == {
        "message": "The server failed to handle this message.",
        "_ws": {"reply": "r-1", "status": 500},
    }


@override_settings(DEBUG=True)
def test_a_failed_handler_tells_the_error_with_debug(socket):
    with pytest.raises(RuntimeError):
        ask(socket, "fail")
    assert socket.receive_json()["message"] == "RuntimeError: a detail that stays on the server"


def test_a_repeated_request_runs_once_and_is_answered(socket):
    for _ in range(3):
        ask(socket, "add", a=1, b=1)
    assert len(runs) == 1
    assert [socket.receive_json()["sum"] for _ in range(3)] == [2, 2, 2]


def test_a_repetition_over_another_connection_runs_once(make_user):
    client = GatewayClient()
    client.force_login(make_user("alice"))
    ask(client.connect("/ws/"), "add", a=1, b=1)
    other = client.connect("/ws/")
    ask(other, "add", a=1, b=1)
    assert len(runs) == 1
    assert other.receive_json()["sum"] == 2


def test_a_failed_request_is_not_run_again(socket):
    with pytest.raises(RuntimeError):
        ask(socket, "fail")
    ask(socket, "fail")
    assert len(runs) == 1
    assert [socket.receive_json()["_ws"]["status"] for _ in range(2)] == [500, 500]


def test_another_user_gets_no_reply_of_mine(make_user):
    for name in ("alice", "bob"):
        client = GatewayClient()
        client.force_login(make_user(name))
        ask(client.connect("/ws/"), "add", a=1, b=1)
    assert len(runs) == 2


def test_a_beat_is_answered_without_a_handler(socket):
    socket.send_json({"action": "_ws", "_ws": {"beat": True}})
    answer = socket.receive_json()["_ws"]
    assert answer.pop("move")
    assert answer == {"beat": True, "window": 0.5}
    assert runs == []


def test_a_beat_costs_one_query(socket, django_assert_num_queries):
    socket.send_json({"action": "_ws", "_ws": {"beat": True}})
    with django_assert_num_queries(1):
        socket.send_json({"action": "_ws", "_ws": {"beat": True}})


def test_a_plain_client_hears_nothing_of_the_protocol(socket):
    socket.send_json({"action": "add", "a": 1, "b": 1})
    socket.send_json({"action": "quiet"})
    assert len(runs) == 1
    assert socket.receive_nothing()


@pytest.mark.parametrize(
    "envelope",
    [[], "beat", 1, {"v": 2}, {"v": True}, {"v": "1"}, {"id": 7}, {"id": "a" * 65}, {"id": "a b"}, {"id": "\n"}],
)
def test_a_malformed_envelope_is_refused(socket, envelope):
    assert socket.send_json({"action": "add", "a": 1, "b": 1, "_ws": envelope}).status_code == 400
    assert runs == []


@pytest.mark.parametrize(
    ("count", "reply"),
    [
        (2, {"added": 2, "_ws": {"reply": "k3-17", "status": 200}}),
        ("two", {"message": "A count is a number.", "_ws": {"reply": "k3-17", "status": 422}}),
    ],
)
def test_the_example_answers_as_its_page_says(db, count, reply):
    socket = GatewayClient().connect("/basket/")
    ask(socket, "add", "k3-17", count=count)
    assert socket.receive_json() == reply


def test_a_message_for_the_package_runs_no_handler(socket):
    socket.send_json({"action": "_ws", "_ws": {"id": "r-9"}})
    assert socket.receive_json() == {"_ws": {"reply": "r-9", "status": 200}}
    assert runs == []


def test_unknown_members_of_the_envelope_are_refused(socket):
    socket.send_json({"action": "_ws", "_ws": {"id": "r-1", "new": 1}})
    reply = socket.receive_json()
    assert reply["_ws"] == {"reply": "r-1", "status": 501}
    assert "new" in reply["message"]


@pytest.mark.parametrize("request_id", ["1", "r-1", "k3-17", "a" * 15])
def test_an_anonymous_client_gets_no_reply_of_another(db, request_id):
    first, second = (GatewayClient().connect("/ws/") for _ in range(2))
    ask(first, "add", request_id, a=2, b=3)
    ask(second, "add", request_id, a=10, b=30)
    assert [first.receive_json()["sum"], second.receive_json()["sum"]] == [5, 40]


def test_a_long_id_of_an_anonymous_client_runs_once(db):
    first, second = (GatewayClient().connect("/ws/") for _ in range(2))
    for socket in (first, second):
        ask(socket, "add", "k3f9qz8h2m4x7b1c-17", a=2, b=3)
    assert [first.receive_json()["sum"], second.receive_json()["sum"]] == [5, 5]
    assert len(runs) == 1
