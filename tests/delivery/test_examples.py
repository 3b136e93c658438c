"""What docs/examples/sending.py does."""

from __future__ import annotations

import asyncio
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.signals import message_delivered

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "docs" / "examples" / "sending.py"


@pytest.fixture
def example():
    example = SimpleNamespace(**runpy.run_path(str(EXAMPLE)))
    yield example
    message_delivered.disconnect(example.note)


@pytest.mark.django_db(transaction=True)
def test_the_page_on_sending(people, server, example, caplog):
    ids = people(3, channel_name="sales")
    server.script = {ids[0]: "busy"}
    assert example.tell_room("sales", "hi") == ids[:1]

    lot = SimpleNamespace(pk=7, save=lambda: None)
    example.sell(lot, "bob")
    assert server.received[ids[1]] == [{"text": "hi"}, {"sold": 7}]
    assert "None, chunk 1 of 1: 2 sent, 1 slow" in caplog.text

    asyncio.run(example.greet(WebSocketSession.objects.select_related("api_gateway").get(connection_id=ids[2])))
    assert server.received[ids[2]][-1] == {"hello": "you"}
    with pytest.raises(ImproperlyConfigured):
        example.announce("no engine is chosen here")


@pytest.mark.django_db
def test_check_connection_is_what_aws_knows(people, server):
    ids = people(2)
    server.script = {ids[1]: "gone"}
    info = WebSocketSession.objects.get(connection_id=ids[0]).check_connection()
    assert (info.source_ip, info.user_agent) == ("192.0.2.7", "Firefox")
    assert (info.last_active_at - info.connected_at).total_seconds() == 600
    assert WebSocketSession.objects.get(connection_id=ids[1]).check_connection() is None
    assert not WebSocketSession.objects.get(connection_id=ids[1]).connected


@pytest.mark.django_db
def test_the_test_client_is_disconnected_and_checked(connect, alice):
    socket = connect(alice)
    assert socket.session.check_connection().source_ip == "127.0.0.1"
    assert socket.session.disconnect() is True
    assert socket.session.disconnect() is False
    assert socket.session.check_connection() is None
    assert not socket.session.connected
