from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.views import WebSocketView


class NewsView(WebSocketView):
    def follow(self, request, *args, **kwargs):
        """{"action": "follow", "country": "ie"}"""
        self.websocket_session.join(f"news-{self.body['country']}")

    def publish(self, request, *args, **kwargs):
        """{"action": "publish", "country": "ie", "text": "…"}: to all who follow, except the writer."""
        followers = WebSocketSession.objects.in_channel(f"news-{self.body['country']}")
        followers.exclude(pk=self.websocket_session.pk).send_message({"text": self.body["text"]})
