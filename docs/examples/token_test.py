from django.contrib.auth import get_user_model
from django.test import Client, TestCase

from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused


class ConnectTokenTests(TestCase):
    def test_a_token_opens_a_socket(self):
        user = get_user_model().objects.create_user("alice")
        page = Client()
        page.force_login(user)
        token = page.post("/ws-token/").json()["token"]
        socket = GatewayClient().connect("/ws/", query={"ws_token": token})
        self.assertEqual(socket.session.user, user)

    def test_without_a_token_none_opens(self):
        with self.assertRaises(HandshakeRefused):
            GatewayClient().connect("/ws/")
