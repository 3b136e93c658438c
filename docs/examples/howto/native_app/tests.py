from django.contrib.auth import get_user_model
from django.test import Client, TestCase, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused

from .api import AppView, log_in, socket_token

urlpatterns = [
    path("api/log-in/", log_in),
    path("api/socket-token/", socket_token),
    path("ws/<slug:route>", AppView.as_view()),
]


@override_settings(ROOT_URLCONF=__name__)
class NativeAppTests(TestCase):
    def setUp(self):
        self.alice = get_user_model().objects.create_user("alice", password="secret")
        answer = self.post("log-in", {"username": "alice", "password": "secret"})
        self.headers = {"HTTP_AUTHORIZATION": f"Bearer {answer.json()['key']}"}

    def post(self, path, data=None, **headers):
        """Send a request as an app does: without cookies, from its own client."""
        return Client(enforce_csrf_checks=True).post(f"/api/{path}/", data, **headers)

    def connect(self, token):
        return GatewayClient().connect("/ws/", query={"ws_token": token}, headers={"Origin": None})

    def test_a_key_opens_sockets(self):
        for _ in range(2):
            token = self.post("socket-token", **self.headers).json()["token"]
            socket = self.connect(token)
            self.assertEqual(socket.session.user, self.alice)

    def test_a_token_works_once(self):
        token = self.post("socket-token", **self.headers).json()["token"]
        self.connect(token)
        with self.assertRaises(HandshakeRefused):
            self.connect(token)

    def test_a_new_password_ends_the_key_and_the_connections(self):
        socket = self.connect(self.post("socket-token", **self.headers).json()["token"])
        self.alice.set_password("another")
        self.alice.save()
        self.assertEqual(self.post("socket-token", **self.headers).status_code, 401)
        self.assertFalse(socket.session.connected)

    def test_no_key_no_token(self):
        for headers in ({}, {"HTTP_AUTHORIZATION": "Bearer nonsense"}, {"HTTP_AUTHORIZATION": "Basic YTpi"}):
            self.assertEqual(self.post("socket-token", **headers).status_code, 401)

    def test_a_wrong_password_gives_no_key(self):
        self.assertEqual(self.post("log-in", {"username": "alice", "password": "guess"}).status_code, 401)
