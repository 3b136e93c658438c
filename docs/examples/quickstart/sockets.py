from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.views import WebSocketView


class ChatView(WebSocketView):
    def say(self, request, *args, **kwargs):
        """{"action": "say", "text": "Hello"}: send the text to everybody in the channel."""
        channel = self.websocket_session.channel_name
        name = request.user.get_username() or "somebody"
        text = self.body.get("text", "")  # a client may leave it out
        WebSocketSession.objects.filter(channel_name=channel).send_message({"from": name, "text": text})

    def default(self, request, *args, **kwargs):
        """Handle any other action: only the sender gets an answer."""
        self.websocket_session.send_message({"from": "the site", "text": "I only know the action 'say'."})
