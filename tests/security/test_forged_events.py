"""A POST that did not come from the gateway, and headers that a client made up."""

from __future__ import annotations

import http.client
import json

import pytest
from django.test import Client, override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from django_aws_api_gateway_websockets import protocol
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
from django_aws_api_gateway_websockets.protocol import API_ID_HEADER, CONNECTION_ID_HEADER, SECRET_HEADER
from tests.views import ExampleView

runs = []


class RecordingView(ExampleView):
    def connect(self, request, *args, **kwargs):
        runs.append(self.event)
        return super().connect(request, *args, **kwargs)

    def disconnect(self, request, *args, **kwargs):
        runs.append(self.event)
        return super().disconnect(request, *args, **kwargs)

    def test(self, request, *args, **kwargs):
        runs.append(self.event)


seen = []


class OwnDispatchView(RecordingView):
    """A view that looks at its event before the package refuses it."""

    def dispatch(self, request, *args, **kwargs):
        seen.append((request.user.is_authenticated, self.websocket_session, self.api_gateway, self.body, self.text))
        return super().dispatch(request, *args, **kwargs)


urlpatterns = [
    path("ws/<slug:route>", RecordingView.as_view()),
    path("own/<slug:route>", csrf_exempt(OwnDispatchView.as_view())),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def socket(connect, alice):
    socket = connect(alice)
    runs.clear()
    return socket


def rows():
    return list(WebSocketSession.objects.values())


# Name: how the secret is sent. "underscore" is not the header at all once a server has refused such names.
BAD_SECRETS = {
    "absent": lambda secret: {},
    "empty": lambda secret: {SECRET_HEADER: ""},
    "prefix": lambda secret: {SECRET_HEADER: secret[:63]},
    "wrong": lambda secret: {SECRET_HEADER: "0" * 64},
    "non-ASCII": lambda secret: {SECRET_HEADER: "é" * 64},
    "doubled": lambda secret: {SECRET_HEADER: f"{secret},{secret}"},
    "wrong case": lambda secret: {SECRET_HEADER: secret.upper()},
    "underscore spelling": lambda secret: {SECRET_HEADER.replace("-", "_"): secret},
}


def over_a_real_server(live_server, route, headers, body=b'{"action": "test"}'):
    """Through a socket and a WSGI server, so that header names are what a client wrote."""
    connection = http.client.HTTPConnection(live_server.thread.host, live_server.thread.port, timeout=20)
    try:
        connection.putrequest("POST", f"/ws/{route}")
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders(body)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_forged_post_with_a_known_connection_id_is_refused(live_server, socket):
    before, refused = rows(), 0
    for route in ("connect", "disconnect", "default"):
        for make in BAD_SECRETS.values():
            headers = socket.event_headers(f"${route}")
            headers.update(make(headers.pop(SECRET_HEADER)))
            refused += over_a_real_server(live_server, route, headers) == 403
    assert refused == 3 * 8 == 24
    assert rows() == before
    assert runs == []
    assert over_a_real_server(live_server, "default", socket.event_headers("$default")) == 200


@pytest.mark.parametrize("secret", ["é", "\udcff", "ÿ" * 64, "\u2028", "🔑" * 16, "\x00"])
@pytest.mark.parametrize("required", [True, False])
def test_a_secret_that_is_not_ascii_gets_403(socket, secret, required):
    headers = {**socket.event_headers("$default"), SECRET_HEADER: secret}
    with override_settings(WEBSOCKETS={"REQUIRE_SECRET": required}):
        response = Client(raise_request_exception=False).post(
            "/ws/default", {"action": "test"}, content_type="application/json", headers=headers
        )
    assert response.status_code == 403
    assert runs == []


@pytest.mark.parametrize("api_id", ["", "é", "a b", "a\0b", "x" * 65, "a1b2c3d4e5,a1b2c3d4e5"])
def test_an_invalid_api_id_is_refused_before_any_query(socket, api_id, django_assert_num_queries):
    headers = {**socket.event_headers("$default"), API_ID_HEADER: api_id}
    with override_settings(WEBSOCKETS={"REQUIRE_SECRET": False}), django_assert_num_queries(0):
        response = Client().post("/ws/default", {}, content_type="application/json", headers=headers)
    assert response.status_code == 403


def spellings(name):
    return [name, name.lower(), name.upper(), name.title()]


@pytest.mark.once
def test_the_gateways_value_wins_over_a_clients_header(connect, alice):
    made_up = {
        CONNECTION_ID_HEADER: "c3RvbGVu=",
        protocol.SOURCE_IP_HEADER: "6.6.6.6",
        protocol.EVENT_TYPE_HEADER: "DISCONNECT",
        protocol.DOMAIN_NAME_HEADER: "evil.example",
        protocol.STAGE_HEADER: "evil",
        SECRET_HEADER: "guess",
    }
    seen = 0
    for number in range(100):
        headers = {spellings(name)[number % 4]: value for name, value in made_up.items()}
        runs.clear()
        socket = connect(alice, headers=headers)
        (event,) = runs
        seen += (event.connection_id, event.source_ip, event.event_type, event.stage) == (
            socket.connection_id,
            "127.0.0.1",
            "CONNECT",
            "production",
        )
    assert seen == 100


@pytest.mark.django_db(transaction=True)
def test_underscore_spellings_are_dropped_by_the_server(live_server, socket):
    headers = socket.event_headers("$default")
    for name in (protocol.SOURCE_IP_HEADER, protocol.EVENT_TYPE_HEADER, protocol.STAGE_HEADER):
        headers[name.replace("-", "_")] = "made up"
    assert over_a_real_server(live_server, "default", headers) == 200
    (event,) = runs
    assert (event.source_ip, event.event_type, event.stage) == ("127.0.0.1", "MESSAGE", "production")


@pytest.mark.parametrize(
    "name",
    [CONNECTION_ID_HEADER, protocol.SOURCE_IP_HEADER, protocol.EVENT_TYPE_HEADER, protocol.STAGE_HEADER],
)
def test_two_header_values_joined_by_a_server_are_refused(socket, name):
    """A server that does not drop underscore spellings hands on ``theirs,ours``."""
    headers = socket.event_headers("$default")
    headers[name] = f"theirs,{headers[name]}"
    response = Client().post("/ws/default", {"action": "test"}, content_type="application/json", headers=headers)
    assert response.status_code in (400, 403)
    assert runs == []


def test_the_request_does_not_choose_the_send_endpoint(connect, alice, bob):
    victim = connect(alice)
    other = ApiGateway.objects.create(
        api_name="elsewhere",
        api_id="elsewhere1",
        target_base_endpoint="https://testserver/elsewhere/",
        api_endpoint="wss://elsewhere1.execute-api.eu-west-1.amazonaws.com",
    )
    forged = {
        protocol.DOMAIN_NAME_HEADER: "elsewhere1.execute-api.eu-west-1.amazonaws.com",
        protocol.STAGE_HEADER: "evil",
        "Host": "testserver",
        "X-Forwarded-Host": "elsewhere1.execute-api.eu-west-1.amazonaws.com",
    }
    headers = {**victim.event_headers("$default"), **forged}
    for required in (True, False):
        if not required:
            headers = {**headers, "X-Real-Ip": "6.6.6.6", "Connection": "close"}
            del headers[SECRET_HEADER]
        with override_settings(WEBSOCKETS={"REQUIRE_SECRET": required}):
            body = json.dumps({"action": "help"})
            Client().post("/ws/default", body, content_type="application/json", headers=headers)
        assert victim.receive_json() == {"help": ["test", "help"]}
    assert victim.session.api_gateway.connections_url != other.connections_url


@pytest.mark.parametrize("name", ["empty", "wrong", "non-ASCII", "wrong case", "doubled"])
@pytest.mark.parametrize("route", ["connect", "disconnect", "default", "test"])
def test_an_overridden_dispatch_gets_no_user_of_a_forged_event(socket, alice, name, route):
    """Not even with the cookie of a user."""
    seen.clear()
    before = rows()
    headers = socket.event_headers("$default")
    headers.update(BAD_SECRETS[name](headers[SECRET_HEADER]))
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    body = json.dumps({"action": "test"})
    response = browser.post(f"/own/{route}", body, content_type="application/json", headers=headers)
    assert response.status_code == 403
    assert seen == [(False, None, None, {}, "")]
    assert (runs, rows()) == ([], before)
