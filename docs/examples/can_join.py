from django.http import HttpResponse

from django_aws_api_gateway_websockets.views import WebSocketView


class RoomsView(WebSocketView):
    def can_join(self, request, channel_name):
        if channel_name == "staff":
            return request.user.is_staff
        return request.user.groups.filter(name=channel_name).exists()

    def move(self, request, *args, **kwargs):
        """{"action": "move", "channel": "Chatroom 2"}: 403 if can_join refuses, 400 if it cannot be a name."""
        self.join_channel(request, self.body.get("channel"))
        return HttpResponse()
