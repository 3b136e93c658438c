from django.contrib.auth import get_user_model
from django.test import TestCase, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketView

from .alerts import alert

urlpatterns = [path("ws/<slug:route>", WebSocketView.as_view())]


@override_settings(ROOT_URLCONF=__name__)
class AlertTests(TestCase):
    def open_tab(self, user=None, channel=None):
        client = GatewayClient()
        if user is not None:
            client.force_login(user)
        return client.connect("/ws/", channel)

    def test_everybody_who_is_connected_gets_the_alert(self):
        alice = get_user_model().objects.create_user("alice")
        tabs = [self.open_tab(), self.open_tab(alice), self.open_tab(alice, channel="Chatroom 1")]

        self.assertEqual(alert("We restart in 5 minutes."), [])

        for tab in tabs:
            self.assertEqual(tab.receive_json(), {"type": "alert", "text": "We restart in 5 minutes."})

    def test_a_client_that_left_is_not_a_failure(self):
        tab = self.open_tab()
        tab.vanish()
        self.assertEqual(alert("Hello"), [])
