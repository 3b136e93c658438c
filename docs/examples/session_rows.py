from __future__ import annotations

from django_aws_api_gateway_websockets.models import WebSocketSession


def pages_of(user):
    return WebSocketSession.objects.for_user(user).open()


def tell_watchers(order, text):
    """Send to every open page of the users who watch the order at the time of the send."""
    WebSocketSession.objects.for_user(order.watchers.all()).send_message({"text": text}, on_commit=True)
