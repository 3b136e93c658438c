from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from django_aws_api_gateway_websockets.history import publish
from django_aws_api_gateway_websockets.views import Channel, WebSocketView


class RoomView(WebSocketView):
    channel_rules = [Channel("room-*", login_required=True)]

    def say(self, request, *args, **kwargs):
        """{"action": "say", "text": "…"}: write a row, and tell everybody in the room."""
        kind = ContentType.objects.get_for_model(request.user)
        with transaction.atomic():
            entry = LogEntry.objects.create(
                user=request.user, content_type=kind, action_flag=CHANGE, change_message=self.body["text"]
            )
            # The message is sent after the commit. After a rollback, it is not sent.
            publish("room-1", {"type": "said", "pk": entry.pk, "text": self.body["text"]}, user=request.user)
