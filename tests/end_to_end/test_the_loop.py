"""The handlers of the contract over real sockets: a client, the local gateway, the view, boto3 and back."""

from __future__ import annotations

import json
import socket as sockets
import struct
import time
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from django.utils import timezone
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from django_aws_api_gateway_websockets.models import WebSocketSession
from tests.sockets import connect as open_socket

pytestmark = [pytest.mark.end_to_end, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def connect(created, site, session_cookie):
    stack = ExitStack()

    def connect(user, channel=None):
        query = f"?{urlencode({'channel': channel})}" if channel else ""
        headers = {"Cookie": session_cookie(user)} if user else {}
        return stack.enter_context(open_socket(created.websocket_url + query, additional_headers=headers, origin=site))

    with stack:
        yield connect


def say(client, **data):
    client.send(json.dumps(data))


def hear(client):
    return json.loads(client.recv(timeout=10))


def eventually(check, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def test_unicast_from_default(connect, alice):
    client = connect(alice)
    say(client, action="unknown", text="hi")
    assert hear(client) == {"default": {"action": "unknown", "text": "hi"}, "user": "alice"}


def test_multicast_by_channel_name(connect, alice, bob):
    first, second = connect(alice, "Chatroom 1"), connect(bob, "Chatroom 1")
    outsider = connect(bob, "Chatroom 2")

    say(first, action="test", text="hi")

    assert hear(first) == hear(second) == {"from": "alice", "text": "hi"}
    with pytest.raises(TimeoutError):
        outsider.recv(timeout=0.3)


def test_help_is_picked_by_action(connect, alice):
    client = connect(alice)
    say(client, action="help")
    assert hear(client) == {"help": ["test", "help"]}


def test_a_custom_route_key_has_its_own_url(connect, alice):
    client = connect(alice)
    say(client, action="orders", id=7)
    assert hear(client) == {"orders": {"action": "orders", "id": 7}}


def test_rows_say_who_is_connected(connect, alice):
    client = connect(alice, "Chatroom 1")
    assert WebSocketSession.objects.filter(user=alice, channel_name="Chatroom 1", connected=True).count() == 1
    client.close()
    eventually(lambda: not WebSocketSession.objects.get().connected)


def test_a_killed_client_is_noticed(created, site, session_cookie, alice):
    url = urlsplit(created.websocket_url)
    with sockets.create_connection((url.hostname, url.port), timeout=10) as client:
        client.sendall(
            f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nOrigin: {site}\r\nCookie: {session_cookie(alice)}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert client.recv(4096).startswith(b"HTTP/1.1 101")
        assert WebSocketSession.objects.get().connected
        # No close frame, no FIN: closing resets the connection.
        client.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    eventually(lambda: not WebSocketSession.objects.get().connected)


def test_a_connection_that_aws_calls_gone_is_marked(connect, alice, created):
    session = WebSocketSession.objects.create(
        connection_id="AAAAAAAAAAAAAAA=", api_gateway=created, user=alice, channel_name="x"
    )
    WebSocketSession.objects.update(created_on=timezone.now() - timedelta(hours=1))
    session.refresh_from_db()

    assert session.send_message({"anyone": "there?"}) is False

    session.refresh_from_db()
    assert (session.connected, session.closed_reason) == (False, "gone")


def test_a_refused_connect_is_refused_before_the_upgrade(connect, alice, created):
    with pytest.raises(InvalidStatus) as refused:
        connect(alice, "x" * 256)
    assert refused.value.response.status_code == 400

    created.delete()
    with pytest.raises(InvalidStatus) as refused:
        connect(alice)
    assert refused.value.response.status_code == 403


def test_a_socket_closed_by_delete_connection_sees_1000(connect, alice, created):
    from django_aws_api_gateway_websockets.aws import connections_client

    client = connect(alice)
    session = WebSocketSession.objects.get()
    connections_client(created.connections_url).delete_connection(ConnectionId=session.connection_id)
    with pytest.raises(ConnectionClosedOK) as closed:
        client.recv(timeout=10)
    assert closed.value.rcvd.code == 1000
    eventually(lambda: not WebSocketSession.objects.get().connected)


def test_create_api_gateway_can_be_run_again(created, connect, alice, capsys):
    from django.core.management import call_command

    call_command("createApiGateway", pk=created.pk)
    client = connect(alice)
    say(client, action="help")
    assert hear(client) == {"help": ["test", "help"]}
