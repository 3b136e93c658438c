from django_aws_api_gateway_websockets.views import WebSocketView, handler


class OrdersView(WebSocketView):
    login_required = True

    def default(self, request, *args, **kwargs):
        self.websocket_session.send_message({"hello": request.user.get_username()})

    @handler("order.cancel", permission_required="auth.change_user")
    def cancel(self, request, *args, **kwargs):
        self.websocket_session.send_message({"cancelled": self.body.get("id")})
