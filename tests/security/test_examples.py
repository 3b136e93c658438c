"""The examples of docs/channels.md, docs/tokens.md and docs/security.md do what the pages say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.urls import path

from django_aws_api_gateway_websockets.testing import HandshakeRefused

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "examples"
rules, rooms, orders, tokens, news = (
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    for name in ("channel_rules", "can_join", "handler_permissions", "token_urls", "many_channels")
)
# Both its tests run here, against the URLs of the page on tokens.
ConnectTokenTests = runpy.run_path(str(EXAMPLES / "token_test.py"))["ConnectTokenTests"]
urlpatterns = [
    path("rules/<slug:route>", rules["ChatView"].as_view()),
    path("rooms/<slug:route>", rooms["RoomsView"].as_view()),
    path("orders/<slug:route>", orders["OrdersView"].as_view()),
    path("news/<slug:route>", news["NewsView"].as_view()),
    *tokens["urlpatterns"],
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.mark.parametrize("pattern", ["lobby", "news", "user-{pk}"])
def test_channel_rules_admit(connect, alice, pattern):
    channel = pattern.format(pk=alice.pk)
    assert connect(alice, channel, path="/rules/").session.channel_name == channel


@pytest.mark.parametrize("channel", ["staff-1", "room-1", "user-0", "other"])
def test_channel_rules_refuse(connect, alice, channel):
    with pytest.raises(HandshakeRefused):
        connect(alice, channel, path="/rules/")


def test_can_join(connect, alice):
    alice.groups.add(Group.objects.create(name="Chatroom 2"))
    socket = connect(alice, path="/rooms/")
    assert socket.send_json({"action": "move", "channel": "Chatroom 2"}).status_code == 200
    assert socket.send_json({"action": "move", "channel": "staff"}).status_code == 403
    assert socket.send_json({"action": "move"}).status_code == 400
    assert socket.session.channel_name == "Chatroom 2"


def test_many_channels(connect):
    reader, writer = connect(path="/news/"), connect(path="/news/")
    for socket in (reader, writer):
        socket.send_json({"action": "follow", "country": "ie"})
    writer.send_json({"action": "publish", "country": "ie", "text": "Rain"})
    assert reader.receive_json() == {"text": "Rain"}
    assert writer.receive_nothing()


def test_handler_permissions(connect, alice, make_user):
    root = make_user("root", is_superuser=True)
    with pytest.raises(HandshakeRefused):
        connect(path="/orders/")
    assert connect(alice, path="/orders/").send_json({"action": "order.cancel", "id": 1}).status_code == 403
    socket = connect(root, path="/orders/")
    socket.send_json({"action": "order.cancel", "id": 1})
    assert socket.receive_json() == {"cancelled": 1}
    assert socket.send_json({"action": "order.cancel"}).status_code == 200
