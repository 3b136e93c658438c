from __future__ import annotations

import json
from types import ModuleType

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse, HttpResponseForbidden
from django.test import RequestFactory, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.models import ApiGateway, ClosedReason, WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused
from django_aws_api_gateway_websockets.views import WebSocketView, handler_names

from .views import ExampleView

pytestmark = pytest.mark.django_db


seen = []


class RefusingView(ExampleView):
    def connect(self, request, *args, **kwargs):
        super().connect(request, *args, **kwargs)
        return HttpResponseForbidden("members only")


class BrokenConnectView(ExampleView):
    def connect(self, request, *args, **kwargs):
        super().connect(request, *args, **kwargs)
        raise ValueError("after the row was written")


class EagerView(ExampleView):
    def connect(self, request, *args, **kwargs):
        super().connect(request, *args, **kwargs)
        self.websocket_session.send_message({"welcome": True})


class WrongAnswerView(ExampleView):
    def test(self, request, *args, **kwargs):
        return {"not": "a response"}


class StrictView(ExampleView):
    additional_required_headers = ["X-Real-Ip"]


class CaseView(ExampleView):
    route_selection_key = "kind"


class GatewayReadingView(WebSocketView):
    def serving(self, request, *args, **kwargs):
        gateway = self.api_gateway
        self.websocket_session.send_message({"url": gateway.websocket_url, "to": gateway.connections_url})
        return HttpResponse(str(gateway))

    def plan(self, request, *args, **kwargs):
        gateway = self.api_gateway
        return HttpResponse(f"{gateway.tags} {gateway.api_description} {gateway.definition().name}")

    def rename(self, request, *args, **kwargs):
        self.api_gateway.api_name = "Renamed"
        self.api_gateway.save()
        return HttpResponse()


class AsyncGatewayReadingView(WebSocketView):
    async def plan(self, request, *args, **kwargs):
        return HttpResponse(str(self.api_gateway.tags))

    async def disconnect(self, request, *args, **kwargs):
        seen.append(self.api_gateway.tags)


class WithoutDefaultView(WebSocketView):
    def join_room(self, request, *args, **kwargs):
        return HttpResponse("joined")

    def rename_room(self, name):
        return HttpResponse("renamed")


urlpatterns = [
    path("ws/<slug:route>", ExampleView.as_view()),
    path("refusing/<slug:route>", RefusingView.as_view()),
    path("broken/<slug:route>", BrokenConnectView.as_view()),
    path("eager/<slug:route>", EagerView.as_view()),
    path("wrong/<slug:route>", WrongAnswerView.as_view()),
    path("strict/<slug:route>", StrictView.as_view()),
    path("kind/<slug:route>", CaseView.as_view(debug=True)),
    path("bare/<slug:route>", WithoutDefaultView.as_view()),
    path("bare-debug/<slug:route>", WithoutDefaultView.as_view(debug=True)),
    path("gateway/<slug:route>", GatewayReadingView.as_view()),
    path("async-gateway/<slug:route>", AsyncGatewayReadingView.as_view()),
    path("noroute/", ExampleView.as_view()),
]


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = __name__


def message(response):
    return json.loads(response.content)["message"]


# --- connect -----------------------------------------------------------------------------------


def test_connect_records_who_where_and_in_which_channel(connect, alice, gateway):
    socket = connect(alice, "Chatroom 1")

    session = socket.session
    assert (session.user, session.channel_name, session.connected) == (alice, "Chatroom 1", True)
    assert session.api_gateway == gateway
    assert list(alice.websocket_sessions.all()) == [session] == list(gateway.sessions.all())


def test_without_a_channel_the_gateways_default_is_taken(connect, alice, gateway):
    assert connect(alice).session.channel_name == ""
    ApiGateway.objects.update(default_channel_name="Lobby")
    assert connect(alice).session.channel_name == "Lobby"
    assert connect(alice, "Other").session.channel_name == "Other"


def test_a_visitor_who_is_not_logged_in_has_no_user(connect):
    assert connect().session.user is None


@pytest.mark.parametrize("channel", ["x" * 256, "line\nbreak", "nul\0", "\x1b[31m"])
def test_a_channel_name_with_unsafe_characters_is_refused(connect, alice, channel):
    with pytest.raises(HandshakeRefused) as refused:
        connect(alice, channel)
    assert refused.value.status_code == 400
    assert not WebSocketSession.objects.exists()


def test_a_refused_connect_leaves_no_open_row(connect, alice):
    with pytest.raises(HandshakeRefused) as refused:
        connect(alice, path="/refusing/")
    assert refused.value.status_code == 403
    assert [session.connected for session in WebSocketSession.objects.all()] == [False]


@pytest.mark.autocommit
def test_a_connect_that_raises_leaves_no_open_row(connect, alice):
    with pytest.raises(ValueError, match="after the row"):
        connect(alice, path="/broken/")
    assert [session.connected for session in WebSocketSession.objects.all()] == [False]


def test_a_send_from_inside_connect_says_why_it_cannot_be(connect, alice):
    with pytest.raises(Exception, match="takes no message before its \\$connect has returned") as raised:
        connect(alice, path="/eager/")
    assert type(raised.value).__name__ == "SendDuringConnect"


def test_a_repeated_connect_is_harmless(connect, alice):
    socket = connect(alice, "one")
    response = socket.repeat_connect(user=alice, channel="one")
    assert response.status_code == 200
    assert WebSocketSession.objects.count() == 1


def test_a_connect_with_another_users_connection_id_is_refused(connect, alice, bob):
    socket = connect(alice, "one")
    response = socket.repeat_connect(user=bob, channel="one")
    assert response.status_code == 403
    assert socket.session.user == alice
    assert socket.session.connected


def test_a_connect_after_its_disconnect_is_refused(connect, alice):
    socket = connect(alice)
    socket.disconnect()
    assert socket.repeat_connect(user=alice).status_code == 403
    assert not socket.session.connected


# --- disconnect --------------------------------------------------------------------------------


def test_disconnect_marks_the_row(connect, alice):
    socket = connect(alice)
    assert socket.disconnect().status_code == 200
    assert not socket.session.connected


def test_a_disconnect_without_a_row_wins_over_a_late_connect(connect, alice):
    socket = connect(alice)
    WebSocketSession.objects.all().delete()

    assert socket.disconnect().status_code == 200
    assert socket.disconnect().status_code == 200
    assert socket.repeat_connect(user=alice).status_code == 403
    assert not socket.session.connected


# --- messages ----------------------------------------------------------------------------------


def test_a_message_for_nobody_else_reaches_default(connect, alice):
    socket = connect(alice)
    socket.send_json({"action": "unknown", "n": 1})
    assert socket.receive_json() == {"default": {"action": "unknown", "n": 1}, "user": "alice"}


def test_action_picks_the_method(connect, alice, bob):
    first, second = connect(alice, "Chatroom 1"), connect(bob, "Chatroom 1")
    other = connect(bob, "Chatroom 2")

    first.send_json({"action": "test", "text": "hi"})

    assert first.receive_json() == second.receive_json() == {"from": "alice", "text": "hi"}
    assert other.receive_nothing()


def test_a_custom_route_key_reaches_its_own_url(connect, alice, gateway):
    gateway.additional_routes.create(name="Orders", route_key="orders", integration_url="https://testserver/ws/orders")
    socket = connect(alice)
    socket.send_json({"action": "orders", "id": 7})
    assert socket.receive_json() == {"orders": {"action": "orders", "id": 7}}


def test_a_handlers_response_is_the_answer(connect, alice):
    socket = connect(alice)
    assert socket.send_json({"action": "refuse"}).status_code == 400
    assert socket.response.content == b"no"


@pytest.mark.parametrize(
    "name",
    [
        "connect",
        "disconnect",
        "dispatch",
        "setup",
        "as_view",
        "http_method_not_allowed",
        "options",
        "_hidden",
        "__init__",
        "_debug",
        "get_channel_name",
        "debug",
        "body",
        "not_a_handler",
        "helper",
        "$connect",
        "",
        "websocket_session",
        "api_gateway",
        "debug_log",
        "required_headers",
        "nobody",
        "te st",
        "tést",
    ],
)
def test_a_body_cannot_pick_what_is_no_handler(connect, alice, name):
    socket = connect(alice)
    socket.send_json({"action": name})
    assert socket.receive_json() == {"default": {"action": name}, "user": "alice"}
    assert socket.session.connected


@pytest.mark.parametrize("name", [None, 1, 1.5, True, [], ["test"], {}, {"test": 1}])
def test_a_name_that_is_no_string_runs_default(connect, alice, name):
    socket = connect(alice)
    socket.send_json({"action": name})
    assert socket.receive_json()["default"] == {"action": name}


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "1", '"test"', "null", "{", "\ud800".encode("utf-8", "replace").decode()]
)
def test_a_body_that_is_no_object_gets_400(connect, alice, text):
    assert connect(alice).send(text).status_code == 400


def test_a_body_as_deep_as_a_bomb_gets_400(connect, alice):
    assert connect(alice).send("[" * 100_000).status_code == 400


def test_a_body_without_the_key_gets_400_and_the_reason(connect, alice):
    response = connect(alice).send_json({"no": "key"})
    assert response.status_code == 400
    assert message(response) == "The key 'action' is missing from the message."


def test_the_selection_key_is_a_class_attribute(connect, alice):
    socket = connect(alice, path="/kind/")
    socket.send_json({"kind": "help"})
    assert socket.receive_json() == {"help": ["test", "help"]}

    answer = json.loads(socket.send_json({"action": "help"}).content)
    assert answer["message"] == "The key 'kind' is missing from the message."
    assert any("required headers" in line for line in answer["debug"])


def test_debug_is_off_by_default(connect, alice):
    assert list(json.loads(connect(alice).send_json({}).content)) == ["message"]


def test_a_hyphen_in_a_route_is_an_underscore_in_a_method(connect, alice):
    socket = connect(alice, path="/bare/")
    assert socket.send_json({"action": "join-room"}).content == b"joined"


@override_settings(DEBUG=True)
def test_a_view_without_the_handler_says_which_method_to_write(connect, alice):
    response = connect(alice, path="/bare/").send_json({"action": "other"})
    assert response.status_code == 404
    assert message(response) == "WithoutDefaultView has no handler for 'other'. Write a method with that name."


def test_a_handler_that_returns_something_else_is_told_so(connect, alice):
    socket = connect(alice, path="/wrong/")
    with pytest.raises(TypeError, match=r"WrongAnswerView\.test returned dict"):
        socket.send_json({"action": "test"})


def test_handler_names_are_those_of_the_projects_own_classes():
    assert handler_names(WebSocketView) == set()
    assert handler_names(ExampleView) == {"default", "test", "help", "refuse", "orders"}
    assert handler_names(RefusingView) == handler_names(ExampleView)


# --- who speaks --------------------------------------------------------------------------------


def test_an_unknown_connection_is_refused(connect, alice):
    socket = connect(alice)
    WebSocketSession.objects.all().delete()
    response = socket.send_json({"action": "test"})
    assert (response.status_code, message(response)) == (
        403,
        "The connection is unknown. Its $connect was not recorded here.",
    )


def test_a_closed_connection_is_refused(connect, alice):
    socket = connect(alice)
    WebSocketSession.objects.all().mark_disconnected()
    response = socket.send_json({"action": "test"})
    assert (response.status_code, message(response)) == (403, "The connection is closed.")


def test_a_connection_of_another_gateway_is_refused(connect, alice):
    foreign = connect(alice, path="/bare/")
    ours = connect(alice)
    ours.connection_id = foreign.connection_id
    response = ours.send_json({"action": "test"})
    assert (response.status_code, message(response)) == (403, "The connection belongs to another gateway.")
    assert ours.disconnect().status_code == 403
    assert foreign.session.connected


def test_an_inactive_user_is_refused(connect, alice):
    socket = connect(alice)
    type(alice).objects.update(is_active=False)
    response = socket.send_json({"action": "test"})
    assert (response.status_code, message(response)) == (
        403,
        "The user who opened the connection is no longer active.",
    )


def test_an_unknown_gateway_is_refused(connect, alice):
    socket = connect(alice)
    WebSocketSession.objects.all().delete()
    ApiGateway.objects.all().delete()
    response = socket.repeat_connect(user=alice)
    assert response.status_code == 403
    assert "No gateway row has the API id" in message(response)


# --- the cost ----------------------------------------------------------------------------------


def test_a_message_costs_1_query(connect, alice, django_assert_num_queries):
    socket = connect(alice)
    with django_assert_num_queries(1):
        assert socket.send_json({"action": "refuse"}).content == b"no"


def test_other_fields_of_the_gateway_cost_one_query(connect, alice, django_assert_num_queries):
    socket = connect(alice, path="/gateway/")
    gateways = ApiGateway.objects.filter(sessions=socket.session)
    gateways.update(tags={"team": "web"}, api_description="Chat of the site")
    with django_assert_num_queries(1):
        socket.send_json({"action": "serving"})
    with django_assert_num_queries(3):  # One reads all other fields, and one the additional routes.
        answer = socket.send_json({"action": "plan"}).content.decode()
    assert answer == f"{{'team': 'web'}} Chat of the site {gateways.get().api_name}"


def test_async_handlers_read_all_fields_of_the_gateway(connect, alice, django_assert_num_queries):
    socket = connect(alice, path="/async-gateway/")
    ApiGateway.objects.update(tags={"team": "web"})
    with django_assert_num_queries(1):
        assert socket.send_json({"action": "plan"}).content == b"{'team': 'web'}"
    seen.clear()
    socket.disconnect()
    assert seen == [{"team": "web"}]


def test_a_handler_that_saves_its_gateway_keeps_all_fields(connect, alice):
    socket = connect(alice, path="/gateway/")
    gateways = ApiGateway.objects.filter(sessions=socket.session)
    gateways.update(tags={"team": "web"}, api_description="Chat of the site")
    socket.send_json({"action": "rename"})
    gateway = gateways.get()
    assert (gateway.api_name, gateway.tags, gateway.api_description) == ("Renamed", {"team": "web"}, "Chat of the site")


def test_activity_is_written_once_a_minute(connect, alice, django_assert_num_queries):
    socket = connect(alice)
    with override_settings(WEBSOCKETS={"ACTIVITY_INTERVAL": 0}), django_assert_num_queries(2):
        socket.send_json({"action": "refuse"})
    with django_assert_num_queries(1):
        socket.send_json({"action": "refuse"})


def test_connect_costs_1_write_and_2_reads_beside_savepoints(connect, alice, django_assert_num_queries):
    connect(alice)
    client = GatewayClient()
    client.force_login(alice)
    with django_assert_num_queries(9) as captured:
        client.connect("/ws/")
    # The test client's own look-up of the gateway and its routes are the first two.
    writes = [query["sql"] for query in captured.captured_queries if query["sql"].startswith(("INSERT", "UPDATE"))]
    assert len(writes) == 1


def test_disconnect_costs_1_read_and_2_writes(connect, alice, django_assert_num_queries):
    socket = connect(alice)
    with django_assert_num_queries(5):  # the row and its memberships, inside a savepoint
        socket.disconnect()


# --- the surface -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options", "trace"])
def test_other_methods_get_405_with_allow(client, method):
    response = getattr(client, method)("/ws/default")
    assert response.status_code == 405
    assert response["Allow"] == "POST"


def test_a_url_without_the_parameter_route_says_what_to_write(client):
    with pytest.raises(Exception, match="needs the URL parameter 'route'"):
        client.post("/noroute/")


def test_debug_may_be_overridden_to_call_a_logger(gateway):
    said = []

    class LoggingView(ExampleView):
        def _debug(self, msg):
            said.append(msg)

    response = LoggingView.as_view()(RequestFactory().post("/ws/default"), route="default")
    assert response.status_code == 403
    assert "refused with 403" in said[-1]


def test_debug_says_what_keeps_a_method_from_being_a_handler(connect, alice):
    answer = json.loads(connect(alice, path="/bare-debug/").send_json({"action": "rename_room"}).content)
    assert (
        "WithoutDefaultView.rename_room(self, name) is not a handler. Give it the parameters "
        "(self, request, *args, **kwargs), or put @handler above it." in answer["debug"]
    )


def test_request_user_is_who_opened_the_socket(connect, alice, gateway):
    seen = []

    class SeeingView(ExampleView):
        def default(self, request, *args, **kwargs):
            seen.append(request.user)

    alices, nobodys = connect(alice), connect()
    for socket in (alices, nobodys):
        request = RequestFactory().post(
            "/ws/default", {"action": "x"}, content_type="application/json", headers=socket.event_headers("$default")
        )
        assert SeeingView.as_view()(request, route="default").status_code == 200
    assert seen == [alice, AnonymousUser()]


class GoneMeanwhileView(ExampleView):
    """Whose gateway is deleted while a connection opens."""

    def can_join(self, request, channel_name):
        type(self.api_gateway).objects.all().delete()
        return True


class NotModifiedView(ExampleView):
    def connect(self, request, *args, **kwargs):
        super().connect(request, *args, **kwargs)
        return HttpResponse(status=304)


@pytest.fixture
def mounted(settings):
    module = ModuleType("mounted")
    module.urlpatterns = [
        path("gone/<slug:route>", GoneMeanwhileView.as_view()),
        path("not-modified/<slug:route>", NotModifiedView.as_view()),
    ]
    settings.ROOT_URLCONF = module


@pytest.mark.autocommit
@pytest.mark.django_db(transaction=True)
def test_a_gateway_deleted_while_a_connection_opens_refuses_it(mounted):
    with pytest.raises(HandshakeRefused) as refused:
        GatewayClient().connect("/gone/", "x")
    assert refused.value.status_code == 403
    assert not WebSocketSession.objects.exists()


def test_only_a_2xx_of_connect_accepts(mounted):
    with pytest.raises(HandshakeRefused):
        GatewayClient().connect("/not-modified/")
    session = WebSocketSession.objects.get()
    assert (session.connected, session.closed_reason) == (False, ClosedReason.REFUSED)


@pytest.mark.parametrize(
    ("debug", "is_local", "named"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_only_a_local_gateway_gets_the_name_of_the_user(make_user, gateway, settings, debug, is_local, named):
    ApiGateway.objects.update(is_local=is_local)
    settings.DEBUG = debug
    client = GatewayClient()
    client.connect("/ws/")
    assert not client.connect("/ws/").response.get("X-Websocket-User")
    user = make_user("J\u00fcrgen")
    client.force_login(user)
    name = user.get_username().replace("\u00fc", "%C3%BC").replace("@", "%40")
    assert client.connect("/ws/").response.get("X-Websocket-User") == (name if named else None)
