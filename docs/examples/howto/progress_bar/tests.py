from django.contrib.auth import get_user_model
from django.test import TestCase, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketView

from .jobs import Progress, build_report

urlpatterns = [path("ws/<slug:route>", WebSocketView.as_view())]


def received(socket):
    messages = []
    while not socket.receive_nothing():
        messages.append(socket.receive_json())
    return messages


@override_settings(ROOT_URLCONF=__name__)
class ProgressTests(TestCase):
    def setUp(self):
        self.alice = get_user_model().objects.create_user("alice")
        client = GatewayClient()
        client.force_login(self.alice)
        self.tab = client.connect("/ws/")

    def test_a_fast_job_sends_few_messages(self):
        build_report(self.alice.pk, rows=range(1000))
        messages = received(self.tab)
        self.assertEqual(messages[0], {"type": "progress", "done": 1, "total": 1000})
        self.assertEqual(messages[-1], {"type": "progress", "done": 1000, "total": 1000})
        self.assertLess(len(messages), 100)

    def test_the_end_is_always_shown(self):
        progress = Progress(self.alice, total=3)
        for done in (1, 2, 3):
            progress.show(done)
        self.assertEqual([message["done"] for message in received(self.tab)], [1, 3])

    def test_a_job_goes_on_when_nobody_watches(self):
        self.tab.disconnect()
        build_report(self.alice.pk, rows=range(3))
        self.assertTrue(self.tab.receive_nothing())
