import json

from django.test import LiveServerTestCase
from websockets.sync.client import connect

from django_aws_api_gateway_websockets.testing import LiveGateway


class LiveTests(LiveServerTestCase):
    def test_a_real_socket(self):
        site = self.live_server_url
        with LiveGateway(site) as live, connect(live.url, origin=site) as socket:
            socket.send(json.dumps({"action": "help"}))
            self.assertIn("help", json.loads(socket.recv(5)))
