from django.db import transaction
from django.http import HttpResponseBadRequest

from django_aws_api_gateway_websockets.history import publish
from django_aws_api_gateway_websockets.views import WebSocketView

from .models import Line


class ChatView(WebSocketView):
    def say(self, request, *args, **kwargs):
        """{"action": "say", "text": "Hello"}: write a row, and tell everybody in the room."""
        text = self.body.get("text")
        if not isinstance(text, str) or not 0 < len(text) <= 200:
            return HttpResponseBadRequest("Write 1 to 200 characters.")
        with transaction.atomic():
            line = Line.objects.create(text=text)
            # The message is sent after the commit. After a rollback, it is not sent.
            publish("room-1", {"type": "said", "pk": line.pk, "text": text})
        return None
