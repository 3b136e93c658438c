from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.test import TestCase, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient

from .sockets import CHANNEL, ActivityView, publish

urlpatterns = [path("ws/<slug:route>", ActivityView.as_view())]


@override_settings(ROOT_URLCONF=__name__)
class ReconnectTests(TestCase):
    def setUp(self):
        self.boss = get_user_model().objects.create_superuser("boss")
        self.client = GatewayClient()
        self.client.force_login(self.boss)

    def log(self, text):
        users = ContentType.objects.get_for_model(self.boss)
        entry = LogEntry.objects.create(
            user=self.boss, content_type=users, object_id=self.boss.pk, object_repr=text, action_flag=CHANGE
        )
        with self.captureOnCommitCallbacks(execute=True):
            publish(entry)
        return entry

    def test_a_page_gets_what_it_missed(self):
        socket = self.client.connect("/ws/", channel=CHANNEL)
        last = self.log("one")
        self.assertEqual(socket.receive_json()["pk"], last.pk)

        self.client.two_hours_later()
        missed = self.log("two")
        again = self.client.connect("/ws/", channel=CHANNEL)
        self.assertTrue(again.receive_nothing())
        again.send_json({"action": "since", "last": last.pk})

        self.assertEqual([message["pk"] for message in again.receive_all()], [missed.pk])

    def test_without_the_permission_there_is_no_catching_up(self):
        self.log("one")
        visitor = GatewayClient().connect("/ws/", channel="another")
        self.assertEqual(visitor.send_json({"action": "since", "last": 0}).status_code, 403)
        self.assertTrue(visitor.receive_nothing())

    def test_nonsense_is_refused(self):
        socket = self.client.connect("/ws/", channel=CHANNEL)
        for last in ("17", None, [], {}):
            self.assertEqual(socket.send_json({"action": "since", "last": last}).status_code, 400)
