from datetime import timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import TestCase, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.signals import user_offline
from django_aws_api_gateway_websockets.testing import GatewayClient

from .options import WEBSOCKETS
from .rooms import RoomView, last_seen, note_last_seen, team, who_is_in

urlpatterns = [path("ws/<slug:route>", RoomView.as_view())]


@override_settings(ROOT_URLCONF=__name__, WEBSOCKETS=WEBSOCKETS)
class WhoIsOnlineTests(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Other tests of this project must not run the receiver.
        user_offline.connect(note_last_seen, dispatch_uid="note_last_seen")
        cls.addClassCleanup(user_offline.disconnect, dispatch_uid="note_last_seen")

    def setUp(self):
        self.clients = {}
        self.ann, self.ben, self.root = (
            get_user_model().objects.create_user(name, first_name=name.title(), is_superuser=name == "root")
            for name in ("ann", "ben", "root")
        )

    def open_page(self, user, room="1"):
        client = self.clients[user] = GatewayClient()
        client.force_login(user)
        socket = client.connect("/ws/", query={"ws_v": "1"})
        socket.send_json({"action": "_ws", "_ws": {"join": {f"room-{room}": None}}})
        return socket

    def told(self, socket):
        return [message["_ws"]["presence"] for message in socket.receive_all()]

    def test_the_page_is_told_who_comes_and_goes(self):
        page = self.open_page(self.ann)
        other = self.open_page(self.ben)
        self.open_page(self.root)

        ann, ben = {"id": self.ann.pk, "name": "Ann"}, {"id": self.ben.pk, "name": "Ben"}
        self.assertEqual(self.told(page), [{"list": [ann]}, {"joined": [ben]}])
        self.assertEqual(self.told(other), [{"list": [ann, ben]}])

        other.disconnect()
        self.clients[self.ben].travel(timedelta(seconds=16))
        self.assertEqual(self.told(page), [{"left": [ben]}])

    def test_a_reload_is_not_shown(self):
        page, other = self.open_page(self.ann), self.open_page(self.ben)
        self.told(page)
        other.disconnect()
        self.open_page(self.ben)
        self.clients[self.ben].travel(timedelta(minutes=1))
        self.assertEqual(self.told(page), [])

    def test_who_is_in_counts_tabs(self):
        self.open_page(self.ann), self.open_page(self.ann), self.open_page(self.ben, room="2")
        self.assertEqual(who_is_in("1"), {"ann": 2})

    def test_team_shows_those_online_first(self):
        group = Group.objects.create(name="support")
        group.user_set.set([self.ann, self.ben])
        self.open_page(self.ben)
        self.assertEqual(team(group), [self.ben, self.ann])

    def test_last_seen(self):
        self.addCleanup(cache.clear)
        self.assertIsNone(last_seen(self.ann))
        page = self.open_page(self.ann)
        self.assertEqual(last_seen(self.ann), "now")
        page.disconnect()
        self.clients[self.ann].travel(timedelta(seconds=16))
        self.assertIsNotNone(last_seen(self.ann))
