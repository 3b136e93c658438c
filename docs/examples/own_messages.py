from django_aws_api_gateway_websockets.views import WebSocketView, parse_json


class ChargePointView(WebSocketView):
    """OCPP sends arrays, such as [2, "19223201", "BootNotification", {…}], and some devices the text "ping"."""

    require_origin = False

    def connect(self, request, *args, **kwargs):
        super().connect(request, *args, **kwargs)
        return self.accept("ocpp1.6")

    def parse(self, request):
        return self.text if self.text in ("", "ping") else parse_json(self.text)

    def default(self, request, *args, **kwargs):
        if isinstance(self.body, list) and len(self.body) > 1:
            unique_id = self.body[1]
            self.websocket_session.send_message({"received": unique_id})
