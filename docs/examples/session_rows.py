from __future__ import annotations

from django_aws_api_gateway_websockets.models import WebSocketSession


def is_online(user):
    return WebSocketSession.objects.for_user(user).open().exists()


def tell_watchers(order, text):
    """Send to everyone who watches the order when the message is sent, wherever they have the page open."""
    WebSocketSession.objects.for_user(order.watchers.all()).send_message({"text": text}, on_commit=True)
