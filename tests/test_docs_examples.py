"""What the examples of the documentation do, as the page beside them says."""

from __future__ import annotations

import importlib
import json
import logging
import runpy
from pathlib import Path

import pytest
from django.http import Http404
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"

handlers, debugging, own_dispatch, cookies, quickstart = (
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    for name in ("handlers", "debugging", "own_dispatch", "cookie_settings", "quickstart/sockets")
)

charge_points = runpy.run_path(str(EXAMPLES / "own_messages.py"))
# Its test runs here.
GreetingTests = runpy.run_path(str(EXAMPLES / "unit_test.py"))["GreetingTests"]

urlpatterns = [
    path("charge-points/<slug:route>", charge_points["ChargePointView"].as_view()),
    path("ws/<slug:route>", handlers["AuctionView"].as_view()),
    path("debugging/<slug:route>", debugging["LoggingView"].as_view(debug=True)),
    path("measured/<slug:route>", own_dispatch["MeasuredView"].as_view()),
    path("quickstart/<slug:route>", quickstart["ChatView"].as_view()),
]


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = __name__


def test_handlers(connect, alice, bob):
    with pytest.raises(HandshakeRefused) as refused:
        connect()
    assert refused.value.status_code == 403

    one, other, elsewhere = connect(alice, "lot 1"), connect(bob, "lot 1"), connect(bob, "lot 2")
    one.send_json({"action": "bid", "amount": 12})
    assert one.receive_json() == other.receive_json() == {"bid": 12, "by": alice.get_username()}
    assert one.send_json({"action": "bid", "amount": "much"}).status_code == 400
    one.send_json({"action": "dance"})
    assert one.receive_json() == {"error": "I cannot dance."}
    assert other.receive_nothing()
    assert elsewhere.receive_nothing()


@pytest.mark.django_db
@pytest.mark.parametrize(("message", "text"), [({"text": "Hello"}, "Hello"), ({}, ""), ({"text": 5}, 5)])
def test_the_quickstart_answers_whatever_is_said(message, text):
    socket = GatewayClient().connect("/quickstart/", "x")
    assert socket.send_json({"action": "say", **message}).status_code == 200
    assert socket.receive_json() == {"from": "somebody", "text": text}


@pytest.mark.django_db
def test_debugging_logs_and_explains(caplog):
    caplog.set_level(logging.DEBUG)
    socket = GatewayClient().connect("/debugging/")
    explained = json.loads(socket.send("not JSON").content)["debug"]
    assert explained
    assert set(explained) <= set(caplog.messages)


@pytest.mark.django_db
def test_own_dispatch_needs_no_csrf_token():
    socket = GatewayClient().connect("/measured/")
    assert socket.response["X-Handled-By"] == "MeasuredView"


@pytest.mark.django_db
def test_cookie_settings(client, alice, settings):
    for name, value in cookies.items():
        if name.isupper():
            setattr(settings, name, value)
    settings.ROOT_URLCONF = "tests.urls"
    alice.is_staff = True
    alice.save()
    response = client.post("/admin/login/", {"username": alice.get_username(), "password": "secret"})
    cookie = response.cookies["shared_sessionid"]
    assert (cookie["domain"], cookie["samesite"], bool(cookie["secure"])) == ("www.example.com", "Lax", True)


@pytest.mark.django_db
def test_a_view_with_messages_of_its_own(connect):
    offer = {"Sec-WebSocket-Protocol": "ocpp1.6", "Origin": None}
    socket = connect(path="/charge-points/", headers=offer)
    assert socket.response["Sec-WebSocket-Protocol"] == "ocpp1.6"
    socket.send('[2, "19223201", "BootNotification", {}]')
    assert socket.receive_json() == {"received": "19223201"}
    assert [socket.send(text).status_code for text in ("ping", "", "5", "pong")] == [200, 200, 200, 400]


@pytest.mark.django_db
def test_the_quickstart_page_without_a_gateway_says_what_to_run(rf):
    page = importlib.import_module("docs.examples.quickstart.urls").index
    with pytest.raises(Http404, match="runLocalGateway --site"):
        page(rf.get("/"))
