from django_aws_api_gateway_websockets.views import WebSocketView


class BasketView(WebSocketView):
    def add(self, request, *args, **kwargs):
        """{"action": "add", "count": 2, "_ws": {"id": "k3-17"}}"""
        count = self.body.get("count")
        if not isinstance(count, int):
            self.reply({"message": "A count is a number."}, status=422)
        else:
            self.reply({"added": count})
