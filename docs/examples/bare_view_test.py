from django.contrib.auth import get_user_model
from django.test import RequestFactory, TestCase

from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketView


class ChatView(WebSocketView):
    def say(self, request, *args, **kwargs):
        self.websocket_session.send_message({"from": request.user.username, "text": self.body["text"]})


class HandlerTests(TestCase):
    def test_the_sender_reads_it(self):
        socket = GatewayClient().connect("/ws/", channel="Room 1")
        request = RequestFactory().post("/ws/default")
        request.user = get_user_model()(username="alice")

        view = ChatView()
        view.websocket_session = socket.session
        view.body = {"text": "Hello"}
        view.say(request)

        self.assertEqual(socket.receive_json(), {"from": "alice", "text": "Hello"})
