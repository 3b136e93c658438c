from django.urls import path

from django_aws_api_gateway_websockets.views import Channel, WebSocketHistoryView, WebSocketView


class RoomView(WebSocketView):
    channel_rules = [Channel("room-*", login_required=True)]


urlpatterns = [
    path("ws/<slug:route>", RoomView.as_view()),
    path("ws-history/", WebSocketHistoryView.as_view(socket_view=RoomView), name="ws-history"),
]
