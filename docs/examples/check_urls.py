from django.urls import path

from django_aws_api_gateway_websockets.views import Channel, WebSocketCheckView, WebSocketView


class RoomView(WebSocketView):
    channel_rules = [Channel("lobby"), Channel("members", login_required=True)]


urlpatterns = [
    path("ws/<slug:route>", RoomView.as_view()),
    path("ws-check/", WebSocketCheckView.as_view(socket_view=RoomView), name="ws-check"),
]
