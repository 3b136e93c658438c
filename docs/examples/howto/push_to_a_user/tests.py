from django.contrib.auth import get_user_model
from django.test import TestCase, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused

from .sockets import InboxView, push

urlpatterns = [path("ws/<slug:route>", InboxView.as_view())]


@override_settings(ROOT_URLCONF=__name__)
class PushTests(TestCase):
    def open_tab(self, name):
        client = GatewayClient()
        user, _ = get_user_model().objects.get_or_create(username=name)
        client.force_login(user)
        return client.connect("/ws/")

    def test_every_tab_of_the_user_gets_the_message(self):
        tabs = [self.open_tab("alice"), self.open_tab("alice")]
        other = self.open_tab("bob")

        sent = push(get_user_model().objects.get(username="alice"), {"type": "unread", "count": 3})

        self.assertEqual(sent, 2)
        for tab in tabs:
            self.assertEqual(tab.receive_json(), {"type": "unread", "count": 3})
        self.assertTrue(other.receive_nothing())

    def test_closed_tabs_get_nothing(self):
        tab = self.open_tab("alice")
        tab.disconnect()
        self.assertEqual(push(get_user_model().objects.get(), {"type": "unread", "count": 1}), 0)

    def test_anonymous_visitors_cannot_connect(self):
        with self.assertRaises(HandshakeRefused):
            GatewayClient().connect("/ws/")
