from django.contrib.admin.models import LogEntry
from django.http import HttpResponseBadRequest

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.views import WebSocketView, handler

CHANNEL = "activity"


class ActivityView(WebSocketView):
    """Pages that show the latest changes of the admin, and miss none while they are not connected."""

    @handler(permission_required="admin.view_logentry")
    def since(self, request, *args, **kwargs):
        """{"action": "since", "last": 17}: what came after the entry 17, which the page already shows."""
        last = self.body.get("last")
        if not isinstance(last, int):
            return HttpResponseBadRequest("'last' must be a number.")
        for entry in LogEntry.objects.filter(pk__gt=last).order_by("pk")[:100]:
            self.websocket_session.send_message(as_message(entry))
        return None


def publish(entry):
    """Send a new entry to every page."""
    WebSocketSession.objects.filter(channel_name=CHANNEL).send_message(as_message(entry), on_commit=True)


def as_message(entry):
    return {"type": "entry", "pk": entry.pk, "text": str(entry)}
