from django.test import TestCase

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient


class FaultTests(TestCase):
    def setUp(self):
        self.client = GatewayClient()
        self.alice = self.client.connect("/ws/", channel="Room 1")
        self.bob = self.client.connect("/ws/", channel="Room 1")

    def test_a_phone_in_a_tunnel_does_not_stop_the_others(self):
        self.client.lost_disconnect(self.alice)
        WebSocketSession.objects.filter(channel_name="Room 1").send_message({"type": "news", "text": "Hello"})
        self.assertFalse(self.alice.session.connected)
        self.assertEqual(self.bob.receive_all(), [{"type": "news", "text": "Hello"}])
        self.client.assert_sent(to="Room 1", containing={"type": "news"})
        self.client.assert_not_sent(to=self.alice)
