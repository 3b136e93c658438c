from django.urls import path

from django_aws_api_gateway_websockets.views import WebSocketTokenView, WebSocketView


class ChatView(WebSocketView):
    require_token = True


urlpatterns = [
    path("ws-token/", WebSocketTokenView.as_view()),
    path("ws/<slug:route>", ChatView.as_view()),
]
