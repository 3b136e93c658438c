"""What ships to users as ``testing`` behaves as the gateway does."""

from __future__ import annotations

import gc

import pytest
from django.urls import path

from django_aws_api_gateway_websockets.exceptions import AwsUnreachable
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused
from django_aws_api_gateway_websockets.views import WebSocketView

pytestmark = pytest.mark.django_db


def test_the_example_of_the_docstring(alice):
    client = GatewayClient()
    client.force_login(alice)
    socket = client.connect("/ws/", channel="x")
    socket.send_json({"action": "help"})
    assert socket.receive_json() == {"help": ["test", "help"]}
    socket.disconnect()
    assert not socket.session.connected


def test_login_through_credentials(alice):
    client = GatewayClient()
    assert client.login(username=alice.get_username(), password="secret")
    assert client.connect("/ws/").session.user == alice
    client.logout()
    assert client.connect("/ws/").session.user is None


def test_a_gateway_of_ones_own(gateway, alice):
    gateway.route_selection_expression = "$request.body.type"
    gateway.save()
    gateway.additional_routes.create(name="O", route_key="orders", integration_url="https://testserver/ws/orders")
    socket = GatewayClient(gateway).connect("/ws/")
    socket.send_json({"type": "orders"})
    assert socket.receive_json() == {"orders": {"type": "orders"}}


def test_nothing_can_be_sent_on_a_closed_socket(connect, alice):
    socket = connect(alice)
    socket.disconnect()
    with pytest.raises(AssertionError, match="closed"):
        socket.send_json({})


def test_nothing_to_receive_says_so(connect, alice):
    with pytest.raises(AssertionError, match="Nothing was sent to"):
        connect(alice).receive_json()


def test_send_reports_a_vanished_client_as_gone(connect, alice):
    socket = connect(alice)
    session = socket.session
    socket.vanish()
    assert session.send_message({"hello": "?"}) is False
    assert WebSocketSession.objects.send_message({"hello": "?"}).gone == [session.connection_id]
    # 410 is also what AWS answers while $connect is still running: a row this fresh stays open.
    assert WebSocketSession.objects.get().connected


def test_a_socket_without_a_variable_lives_as_long_as_its_client(gateway):
    client = GatewayClient()
    client.connect("/ws/", "x")
    assert len(WebSocketSession.objects.send_message({"n": 1}).sent) == 1


def test_gateway_is_in_process_while_a_socket_is_held(gateway, settings):
    settings.WEBSOCKETS = {"SEND_CONNECT_TIMEOUT": 0.2, "SEND_READ_TIMEOUT": 0.2}
    gateway.api_endpoint = "ws://127.0.0.1:9/x"
    gateway.save()
    client = GatewayClient(gateway)
    client.connect("/ws/")
    assert WebSocketSession.objects.send_message({"n": 1}).complete
    del client
    gc.collect()  # PyPy, and tracebacks
    # Nobody listens there: the send went to the gateway's own URL.
    with pytest.raises(AwsUnreachable):
        WebSocketSession.objects.send_message({"n": 1})


def test_two_rows_with_one_target_are_no_problem(gateway):
    copy = ApiGateway.objects.create(
        api_name="copy", target_base_endpoint=gateway.target_base_endpoint, api_id="copy", api_created=True
    )
    assert copy.pk > gateway.pk
    assert GatewayClient().connect("/ws/").gateway == gateway


@pytest.mark.parametrize("wrong", ["/nowhere/", "/wss"])
def test_a_wrong_path_is_named_with_the_remedy(wrong):
    with pytest.raises(HandshakeRefused, match=f"no URL matches '/{wrong.strip('/')}/connect'. Connect to where"):
        GatewayClient().connect(wrong)


def test_a_redirect_opens_no_socket_and_is_named(gateway, settings):
    settings.SECURE_SSL_REDIRECT = True
    gateway.target_base_endpoint = "http://testserver/ws/"
    with pytest.raises(HandshakeRefused, match="301: a redirect to https://testserver/ws/connect, which a ") as refused:
        GatewayClient(gateway).connect("/ws/")
    assert refused.value.status_code == 301


def test_a_site_that_redirects_to_https_is_called_by_https(alice, settings):
    settings.SECURE_SSL_REDIRECT = True
    socket = GatewayClient().connect("/ws/")
    socket.send_json({"action": "help"})
    assert socket.receive_json() == {"help": ["test", "help"]}
    assert socket.repeat_connect().status_code == 200
    assert socket.disconnect().status_code == 200


class HostView(WebSocketView):
    def default(self, request, *args, **kwargs):
        self.websocket_session.send_message({"host": request.get_host(), "language": request.headers.get("X-Language")})


urlpatterns = [path("ws/<slug:route>", HostView.as_view())]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("name", ["SERVER_NAME", "HTTP_HOST"])
def test_every_event_has_the_host_of_the_site(name):
    socket = GatewayClient(**{name: "shop.example.com"}).connect("/ws/")
    assert socket.gateway.target_base_endpoint == "https://shop.example.com/ws/"
    socket.send_json({"action": "x"})
    assert socket.receive_json()["host"] == "shop.example.com"
    assert socket.disconnect().status_code == 200


@pytest.mark.urls(__name__)
def test_every_event_has_the_host_of_a_gateway_of_ones_own(gateway):
    gateway.target_base_endpoint = "http://www.example.com:8000/ws/"
    socket = GatewayClient(gateway, HTTP_X_LANGUAGE="eo").connect("/ws/")
    socket.send_json({"action": "x"})
    assert socket.receive_json() == {"host": "www.example.com:8000", "language": "eo"}


def test_refused_host_is_named_with_the_remedy():
    with pytest.raises(HandshakeRefused, match=r"400: Invalid HTTP_HOST header: 'shop\.test'\. You may need to add"):
        GatewayClient(SERVER_NAME="shop.test").connect("/ws/")


def test_clients_share_the_gateway_of_a_path(connect, alice, bob):
    connect(alice)
    connect(bob)
    assert ApiGateway.objects.count() == 1


def test_client_headers_do_not_override_what_the_gateway_maps(connect, alice):
    socket = connect(alice, headers={"connectionid": "stolen=", "X-Websocket-Gateway-Secret": "guess"})
    assert WebSocketSession.objects.get().connection_id == socket.connection_id
