from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.views import WebSocketView


class ChatView(WebSocketView):
    def say(self, request, *args, **kwargs):
        room = WebSocketSession.objects.filter(channel_name=self.websocket_session.channel_name)
        room.send_html("said.html", {"text": self.body["text"]})
