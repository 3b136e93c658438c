import json

from django.test import LiveServerTestCase
from websockets.sync.client import connect

from django_aws_api_gateway_websockets.testing import LiveGateway


class LiveTests(LiveServerTestCase):
    def test_a_real_socket(self):
        site = self.live_server_url
        with LiveGateway(site) as live, connect(f"{live.url}?channel=room-1", origin=site) as socket:
            socket.send(json.dumps({"action": "say", "text": "Hello"}))
            self.assertEqual(json.loads(socket.recv(5)), {"from": "somebody", "text": "Hello"})
