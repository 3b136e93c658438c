from django.contrib.auth.models import Group
from django.db.models.signals import post_delete, post_save
from django.test import TestCase, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketView

from .rows import CHANNEL, remove_group, rows, show_group

urlpatterns = [path("ws/<slug:route>", WebSocketView.as_view())]


@override_settings(ROOT_URLCONF=__name__)
class LiveTableTests(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Other tests of this project must not run the receivers.
        for signal, receiver in ((post_save, show_group), (post_delete, remove_group)):
            signal.connect(receiver, sender=Group, dispatch_uid=receiver.__name__)
            cls.addClassCleanup(signal.disconnect, sender=Group, dispatch_uid=receiver.__name__)

    def setUp(self):
        self.page = GatewayClient().connect("/ws/", channel=CHANNEL)
        self.other_page = GatewayClient().connect("/ws/", channel="something else")

    def sent_by(self, change):
        with self.captureOnCommitCallbacks(execute=True):
            result = change()
        return result, self.page.receive()

    def test_a_new_row_is_appended(self):
        group, html = self.sent_by(lambda: Group.objects.create(name="<b>Editors</b>"))
        new = f'<tr id="group-{group.pk}"><td>&lt;b&gt;Editors&lt;/b&gt;</td></tr>'
        self.assertEqual(html, f'<tbody id="groups" hx-swap-oob="beforeend">{new}</tbody>')
        self.assertEqual(rows(), new)
        self.assertTrue(self.other_page.receive_nothing())

    def test_a_changed_row_replaces_the_old_one(self):
        group, _ = self.sent_by(lambda: Group.objects.create(name="Editors"))
        group.name = "Authors"
        _, html = self.sent_by(group.save)
        self.assertEqual(html, f'<tr id="group-{group.pk}"><td>Authors</td></tr>')

    def test_a_deleted_row_goes(self):
        group, _ = self.sent_by(lambda: Group.objects.create(name="Editors"))
        pk = group.pk
        _, html = self.sent_by(group.delete)
        self.assertEqual(html, f'<tr id="group-{pk}" hx-swap-oob="delete"></tr>')
