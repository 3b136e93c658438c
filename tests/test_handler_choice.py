"""Which handler a message runs, what it is called with, and what a message may look like."""

from __future__ import annotations

import json
import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path

from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.protocol import body_item, body_references, route_key_of
from django_aws_api_gateway_websockets.testing import HandshakeRefused
from django_aws_api_gateway_websockets.views import WebSocketView, handler, parse_json

from .views import ExampleView

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def said(text):
    return lambda self, request, *args, **kwargs: HttpResponse(text)


class ChoiceView(WebSocketView):
    default, test, help = said("default"), said("test"), said("help")

    @handler("room/rename", "room.rename")
    def rename(self, request, *args, **kwargs):
        return HttpResponse("rename")

    @handler("7")
    def seven(self, request, *args, **kwargs):
        return HttpResponse("seven")


class ByHandView(ChoiceView):
    route_selection_key = "data.kind"


class SignaturesView(WebSocketView):
    default = said("default")

    def keyword(self, request, route):
        return HttpResponse(f"keyword {route}")

    def room(self, request, pk, **kwargs):
        return HttpResponse(f"room {pk}")

    @handler
    def alone(self, request):
        return HttpResponse("alone")

    @handler("declared")
    def _declared(self, request, pk=None):
        return HttpResponse(f"declared {pk}")

    @handler
    def needs(self, request, slug):
        raise AssertionError("no URL has it")

    def connect(self, request):
        return super().connect(request)


class WithoutDefaultView(WebSocketView):
    def helper(self, request):
        raise AssertionError("a helper of the site")

    def rename_room(self, name):
        raise AssertionError("a helper of the site")

    async def load(self, request, pk):
        raise AssertionError("a helper of the site")


class OcppView(WebSocketView):
    """Arrays, plain text and nothing at all."""

    def parse(self, request):
        if self.text in ("", "ping"):
            return self.text
        return parse_json(self.text)

    def default(self, request, *args, **kwargs):
        return HttpResponse(json.dumps([self.body, self.text]))

    def test(self, request, *args, **kwargs):
        return HttpResponse("test")


class StrictParseView(WebSocketView):
    default = said("default")

    def parse(self, request):
        return {"": int, "list": lambda _: [][1], "key": lambda _: {}["x"], "type": len}[self.text](self.text and 1)


class SubprotocolView(ExampleView):
    def connect(self, request, *args, **kwargs):
        super().connect(request, *args, **kwargs)
        wanted = request.GET.get("accept")
        return self.accept(wanted) if wanted else None


urlpatterns = [
    path("ws/<str:route>", ChoiceView.as_view()),
    path("debug/<slug:route>", ChoiceView.as_view(debug=True)),
    path("hand/<slug:route>", ByHandView.as_view()),
    path("given/<slug:route>", ChoiceView.as_view(route_selection_key="kind")),
    path("signatures/<slug:route>", SignaturesView.as_view()),
    path("rooms/<int:pk>/<slug:route>", SignaturesView.as_view()),
    path("bare/<slug:route>", WithoutDefaultView.as_view()),
    path("ocpp/<slug:route>", OcppView.as_view()),
    path("strict/<slug:route>", StrictParseView.as_view()),
    path("sub/<slug:route>", SubprotocolView.as_view()),
]


# --- The gateway's route selection expression ------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "body", "expected"),
    [
        ("$request.body.action", {"action": "test"}, "test"),
        ("$request.body.type", {"type": "help"}, "help"),
        ("$request.body.data.action", {"data": {"action": "test"}}, "test"),
        ("$request.body.calls[0].do", {"calls": [{"do": "help"}]}, "help"),
        ("${request.body.a}/${request.body.b}", {"a": "room", "b": "rename"}, "rename"),
        ("${request.body.a}.${request.body.b}", {"a": "room", "b": "rename"}, "rename"),
        ("$request.body.action", {"action": 7}, "seven"),
        ("$request.body.data.action", {"data": {"action": "unknown"}}, "default"),
        ("$request.body.data.action", {"data": {"action": None}}, "default"),
        ("${request.body.a}/${request.body.b}", {"a": "room", "b": "x"}, "default"),
        ("$request.body.type", {"type": "connect"}, "default"),
    ],
)
def test_the_view_follows_the_expression_of_its_gateway(connect, gateway, expression, body, expected):
    ApiGateway.objects.update(route_selection_expression=expression)
    assert connect().send_json(body).content.decode() == expected


@pytest.mark.parametrize(
    ("expression", "body", "missing"),
    [
        ("$request.body.type", {"action": "test"}, "type"),
        ("$request.body.data.action", {"data": {}}, "data.action"),
        ("$request.body.data.action", {"data": "action"}, "data.action"),
        ("$request.body.calls[1].do", {"calls": [{"do": "help"}]}, "calls[1].do"),
        ("${request.body.a}/${request.body.b}", {"a": "room"}, "b"),
    ],
)
def test_a_message_without_the_gateways_key_gets_400(connect, gateway, expression, body, missing):
    ApiGateway.objects.update(route_selection_expression=expression)
    response = connect().send_json(body)
    assert response.status_code == 400
    assert response.json()["message"] == f"The key {missing!r} is missing from the message."


@pytest.mark.parametrize(
    ("mount", "body", "expected"),
    [
        ("hand", {"data": {"kind": "test"}}, "test"),
        ("hand", {"data.kind": "help"}, "help"),
        ("hand", {"action": "test", "data": {"kind": "unknown"}}, "default"),
        ("given", {"kind": "test", "action": "help"}, "test"),
        ("given", {"kind": 7}, "default"),
    ],
)
def test_a_key_that_is_set_by_hand_wins(connect, mount, body, expected):
    assert connect(path=f"/{mount}/").send_json(body).content.decode() == expected


def test_what_an_expression_refers_to():
    assert body_references("$request.body.action") == ["action"]
    assert body_references("${request.body.a}/${request.body.b[0]}") == ["a", "b[0]"]
    assert body_references("static") == []
    assert body_item({"a": [{"b": None}]}, "a[0].b") is None


@pytest.mark.parametrize(("body", "where"), [({}, "a"), ([], "a"), ({"a": []}, "a[0]"), ("text", "a"), (None, "[0]")])
def test_a_missing_item_of_the_body_is_a_lookup_error(body, where):
    with pytest.raises(LookupError):
        body_item(body, where)


# --- Routes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route_key", ["orders", "no-such", "connect-later", "_hidden"])
def test_a_custom_route_without_a_method_runs_default(connect, gateway, route_key):
    url = f"https://testserver/ws/{route_key}"
    gateway.additional_routes.create(name="x", route_key=route_key, integration_url=url)
    assert connect().send_json({"action": route_key}).content == b"default"


@pytest.mark.parametrize("dollar", ["", "$", "%24"])
def test_a_leading_dollar_of_the_route_is_dropped(client, connect, alice, dollar):
    socket = connect(alice)
    headers = {**socket.event_headers("$default"), "Content-Type": "application/json"}
    post = {"data": '{"action": "test"}', "content_type": "application/json"}
    assert client.post(f"/ws/{dollar}default", headers=headers, **post).content == b"test"
    headers = {**socket.event_headers("$connect"), "Origin": "http://testserver", "connectionId": "new="}
    assert client.post(f"/ws/{dollar}connect", headers=headers).status_code == 200
    assert client.post(f"/ws/{dollar}disconnect", headers=socket.event_headers("$disconnect")).status_code == 200
    assert not socket.session.connected


def test_route_keys_of_paths():
    paths = ["connect", "$connect", "disconnect", "default", "$default", "orders", "Connect", "$orders"]
    assert [route_key_of(name) for name in paths] == [
        *("$connect", "$connect", "$disconnect", "$default", "$default", "orders", "Connect", "$orders")
    ]


@pytest.mark.parametrize("route", ["$connect", "$disconnect"])
def test_a_message_cannot_reach_what_only_the_gateway_may_call(client, connect, alice, route):
    socket = connect(alice)
    response = client.post(f"/ws/{route}", headers=socket.event_headers("$default"))
    assert response.status_code == 400
    assert socket.session.connected


# --- Signatures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mount", "action", "expected"),
    [
        ("signatures", "keyword", "keyword default"),
        ("signatures", "alone", "alone"),
        ("signatures", "declared", "declared None"),
        ("signatures", "room", "default"),
        ("rooms/5", "room", "room 5"),
        ("rooms/5", "alone", "alone"),
        ("rooms/5", "declared", "declared 5"),
        ("rooms/5", "keyword", "default"),
    ],
)
def test_a_handler_is_called_with_what_it_takes(connect, mount, action, expected):
    assert connect(path=f"/{mount}/").send_json({"action": action}).content.decode() == expected


def test_a_parameter_that_the_url_does_not_have_is_an_error(connect):
    with pytest.raises(ImproperlyConfigured, match=r"SignaturesView\.needs cannot be called as a handler: missing"):
        connect(path="/signatures/").send_json({"action": "needs"})


@pytest.mark.parametrize(
    ("action", "taken"),
    [("helper", "self, request"), ("rename_room", "self, name"), ("load", "self, request, pk")],
)
def test_a_method_that_is_no_handler_is_named_with_what_is_wrong(connect, settings, action, taken):
    settings.DEBUG = True
    response = connect(path="/bare/").send_json({"action": action})
    assert response.status_code == 404
    assert response.json()["message"] == (
        f"WithoutDefaultView.{action}({taken}) is not a handler. Give it the parameters "
        "(self, request, *args, **kwargs), or put @handler above it."
    )


# --- What a message may look like -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ('[2, "19223201", "BootNotification", {}]', [2, "19223201", "BootNotification", {}]),
        ("ping", "ping"),
        ("", ""),
        ("null", None),
        ("5", 5),
        ('{"action": "other"}', {"action": "other"}),
    ],
)
def test_a_view_that_parses_by_itself_gets_every_message(connect, text, body):
    assert json.loads(connect(path="/ocpp/").send(text).content) == [body, text]


def test_a_view_that_parses_by_itself_still_picks_handlers(connect):
    assert connect(path="/ocpp/").send_json({"action": "test"}).content == b"test"


@pytest.mark.parametrize("text", ["no json", "[" * 100, "[NaN]", '["\\u0000"]', "\udcff"])
def test_parse_json_refuses_what_is_not_safe(connect, text):
    assert connect(path="/ocpp/").send(text.encode("utf-8", "surrogateescape")).status_code == 400


@pytest.mark.parametrize("text", ["", "list", "key", "type", "unknown"])
def test_an_error_of_parse_is_a_message_that_gets_400(connect, text):
    response = connect(path="/strict/").send(text)
    assert response.status_code == 400
    assert response.json()["message"] == "The site cannot parse the message."


@pytest.mark.parametrize("text", ["[]", '[2, "x"]', "ping", "", "5", '"test"', "null"])
def test_by_default_only_objects_are_messages(connect, text):
    assert connect().send(text).status_code == 400


# --- Sub-protocols -----------------------------------------------------------------------------------


@pytest.mark.parametrize("offered", ["v2", "v1, v2", "v1,v2,graphql-ws"])
def test_a_subprotocol_is_accepted(connect, caplog, offered):
    socket = connect(path="/sub/", query={"accept": "v2"}, headers={"Sec-WebSocket-Protocol": offered})
    assert socket.response["Sec-WebSocket-Protocol"] == "v2"
    assert "sub-protocols" not in caplog.text


@pytest.mark.parametrize("offered", ["v2", "v1, v2", "ocpp1.6\x1b[31m"])
def test_an_unanswered_subprotocol_logs_one_line(connect, caplog, offered):
    with caplog.at_level(logging.WARNING, "django_aws_api_gateway_websockets"):
        connect(path="/sub/", headers={"Sec-WebSocket-Protocol": offered})
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("django_aws")]
    assert line.startswith("The client of /sub/connect offered the sub-protocols ")
    assert line.isprintable()


@pytest.mark.parametrize("offered", ["v1", "V2", None])
def test_a_subprotocol_that_is_not_offered_cannot_be_accepted(connect, offered):
    with pytest.raises(HandshakeRefused) as refused:
        connect(path="/sub/", query={"accept": "v2"}, headers={"Sec-WebSocket-Protocol": offered} if offered else {})
    assert refused.value.status_code == 400
    assert "The client must offer the sub-protocol 'v2'." in str(refused.value)


# --- debug -------------------------------------------------------------------------------------------


class KeepingView(ChoiceView):
    kept = []

    def dispatch(self, request, *args, **kwargs):
        response = super().dispatch(request, *args, **kwargs)
        self.kept.append(list(self.debug_log))
        return response

    dispatch.csrf_exempt = True


@pytest.mark.parametrize("body", [{"action": "test"}, {}, []])
def test_without_debug_the_log_stays_empty(connect, settings, body):
    socket = connect()
    request = RequestFactory().post(
        "/ws/default", json.dumps(body), content_type="application/json", headers=socket.event_headers("$default")
    )
    KeepingView.kept.clear()
    KeepingView.as_view()(request, route="default")
    KeepingView.as_view(debug=True)(request, route="default")
    assert KeepingView.kept[0] == []
    assert len(KeepingView.kept[1]) > 2


def test_a_handler_can_be_tested_without_setup(rf):
    view = ExampleView()
    assert (view.body, view.text, view.debug_log) == ({}, "", [])
    assert (view.websocket_session, view.api_gateway) == (None, None)
    view._debug("nothing")
    assert view.debug_log == []
    assert view.refuse(rf.post("/")).status_code == 400
    with_debug = ExampleView(debug=True)
    with_debug._debug("noted")
    assert (with_debug.debug_log, ExampleView().debug_log) == (["noted"], [])
