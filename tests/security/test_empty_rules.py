"""A rule without content, for example from an empty setting, is an error. It never lets everybody in."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import Channel, WebSocketView, handler


class Nobody:
    message = "Nobody may do this."

    def has_permission(self, request, view):
        return False


class EmptyNameView(WebSocketView):
    permission_required = ""


class EmptyNameInListView(WebSocketView):
    permission_required = ["auth.view_user", ""]


class GeneratorView(WebSocketView):
    permission_required = (name for name in ["auth.view_user"])


class ClassesGeneratorView(WebSocketView):
    permission_classes = (one for one in [Nobody])


class HandlersView(WebSocketView):
    @handler(permission_required="")
    def empty(self, request, *args, **kwargs):
        """{"action": "empty"}"""

    @handler(permission_required=(name for name in ["auth.view_user"]))
    def once(self, request, *args, **kwargs):
        """{"action": "once"}"""


VIEWS = [EmptyNameView, EmptyNameInListView, GeneratorView, ClassesGeneratorView]
urlpatterns = [path(f"{view.__name__}/<slug:route>", view.as_view()) for view in [*VIEWS, HandlersView]]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_with_an_empty_permission_refuses_everybody(view):
    for _ in range(2):
        with pytest.raises(ImproperlyConfigured, match=r"^permission_(required|classes) .* Write a "):
            GatewayClient().connect(f"/{view.__name__}/")


def test_a_handler_with_an_empty_permission_refuses_everybody():
    socket = GatewayClient().connect("/HandlersView/")
    with pytest.raises(ImproperlyConfigured, match="permission_required has an empty name"):
        socket.send_json({"action": "empty"})


def test_a_generator_of_permissions_refuses_each_message():
    socket = GatewayClient().connect("/HandlersView/")
    assert [socket.send_json({"action": "once"}).status_code for _ in range(3)] == [403, 403, 403]


@pytest.mark.parametrize("requirement", ["group", "permission"])
@pytest.mark.parametrize(("name", "error"), [("", ValueError), (["a"], TypeError), (5, TypeError)])
def test_a_channel_rule_needs_a_name(requirement, name, error):
    with pytest.raises(error, match=rf"^Channel\({requirement}=…\)"):
        Channel("staff", **{requirement: name})


@pytest.mark.parametrize(
    ("pattern", "error"), [("", ValueError), (5, TypeError), (None, TypeError), (["a"], TypeError)]
)
def test_a_channel_rule_needs_a_pattern(pattern, error):
    with pytest.raises(error, match=r"A channel pattern must .* Write "):
        Channel(pattern)
