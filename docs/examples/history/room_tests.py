from django.test import TestCase

from django_aws_api_gateway_websockets.history import position, publish
from django_aws_api_gateway_websockets.models import ChannelHistory
from django_aws_api_gateway_websockets.testing import GatewayClient


class HistoryTests(TestCase):
    def test_a_page_gets_the_messages_that_it_missed(self):
        at = position("room-1")
        writer = GatewayClient().connect("/ws/")
        writer.send_json({"action": "say", "text": "Hello"})

        page = GatewayClient().connect("/ws/")
        page.join("room-1", at)
        (missed,) = page.receive_json()["_ws"]["missed"]
        self.assertEqual(missed["message"]["text"], "Hello")

        publish("room-1", {"type": "said", "pk": 2, "text": "Goodbye"})
        self.assertEqual(page.receive_json()["text"], "Goodbye")

    def test_a_deleted_history_is_a_gap(self):
        at = publish("room-1", {"type": "said", "pk": 1, "text": "Hello"}).position
        ChannelHistory.objects.all().delete()
        answer = GatewayClient().connect("/ws/").join("room-1", at)
        self.assertEqual(answer["refused"], {"room-1": 409})
