"""The handlers of the contract, as one would write them from a tutorial."""

from __future__ import annotations

from django.http import HttpResponseBadRequest

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.views import WebSocketView


class ExampleView(WebSocketView):
    def default(self, request, *args, **kwargs):
        """Unicast: the answer goes to whoever wrote."""
        self.websocket_session.send_message({"default": self.body, "user": request.user.username})

    def test(self, request, *args, **kwargs):
        """Multicast: everyone in the channel."""
        channel = self.websocket_session.channel_name
        WebSocketSession.objects.filter(channel_name=channel).send_message(
            {"from": request.user.username, "text": self.body.get("text")}
        )

    def help(self, request, *args, **kwargs):
        self.websocket_session.send_message({"help": ["test", "help"]})

    def refuse(self, request, *args, **kwargs):
        return HttpResponseBadRequest("no")

    def orders(self, request, *args, **kwargs):
        """A custom route key with a URL of its own."""
        self.websocket_session.send_message({"orders": self.body})

    not_a_handler = "an attribute"

    def helper(self, text):
        raise AssertionError("not a handler: it takes no request")

    def _hidden(self, request, *args, **kwargs):
        raise AssertionError("private")


class SlowView(ExampleView):
    """A view during whose `can_join` something else happens: it runs the next function of `meanwhile`."""

    meanwhile = []

    def can_join(self, request, channel_name):
        if self.meanwhile:
            self.meanwhile.pop()()
        return True
