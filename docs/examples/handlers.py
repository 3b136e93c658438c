from django.http import HttpResponseBadRequest, HttpResponseForbidden

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.views import WebSocketView


class AuctionView(WebSocketView):
    def connect(self, request, *args, **kwargs):
        if not request.user.is_authenticated:
            return HttpResponseForbidden("Log in first.")
        return super().connect(request, *args, **kwargs)

    def bid(self, request, *args, **kwargs):
        """{"action": "bid", "amount": 12}"""
        amount = self.body.get("amount")
        if not isinstance(amount, int):
            return HttpResponseBadRequest("A bid has an amount.")
        watching = WebSocketSession.objects.filter(channel_name=self.websocket_session.channel_name)
        watching.send_message({"bid": amount, "by": request.user.get_username()})

    def default(self, request, *args, **kwargs):
        self.websocket_session.send_message({"error": f"I cannot {self.body['action']}."})
