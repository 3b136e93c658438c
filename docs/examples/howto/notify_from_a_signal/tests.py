import sys

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.signals import post_save
from django.test import TestCase, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketView

from .apps import AccountsConfig

urlpatterns = [path("ws/<slug:route>", WebSocketView.as_view())]


@override_settings(ROOT_URLCONF=__name__)
class NotificationTests(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        AccountsConfig("accounts", sys.modules[__package__]).ready()
        # Other tests of this project must not run the receiver.
        cls.addClassCleanup(post_save.disconnect, sender=get_user_model(), dispatch_uid="tell_staff_about_new_user")

    def setUp(self):
        client = GatewayClient()
        client.force_login(get_user_model().objects.create_user("boss", is_staff=True))
        self.staff = client.connect("/ws/")
        self.visitor = GatewayClient().connect("/ws/")

    def test_staff_hear_of_a_new_user_after_the_commit(self):
        with self.captureOnCommitCallbacks(execute=True):
            get_user_model().objects.create_user("alice")
            self.assertTrue(self.staff.receive_nothing())

        self.assertEqual(self.staff.receive_json(), {"type": "new_user", "username": "alice"})
        self.assertTrue(self.visitor.receive_nothing())

    def test_nobody_hears_of_a_rollback(self):
        with self.captureOnCommitCallbacks(execute=True), transaction.atomic():
            get_user_model().objects.create_user("alice")
            transaction.set_rollback(True)
        self.assertTrue(self.staff.receive_nothing())

    def test_a_later_save_is_no_new_user(self):
        with self.captureOnCommitCallbacks(execute=True):
            get_user_model().objects.get(username="boss").save()
        self.assertTrue(self.staff.receive_nothing())
