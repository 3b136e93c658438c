"""Options that were somebody's access control, and that nothing reads here."""

from __future__ import annotations

import sys
import types

import pytest
from django.core.checks import run_checks
from django.test import override_settings
from django.urls import path

from django_aws_api_gateway_websockets.views import WebSocketView, handler


def errors(view):
    urls = types.ModuleType("urls_of_a_test")
    urls.urlpatterns = [path("ws/<slug:route>", view.as_view())]
    with override_settings(ROOT_URLCONF=urls):
        return [one for one in run_checks() if one.id == "websockets.E008"]


def view_with(name, value):
    return type("Chat", (WebSocketView,), {name: value, "__module__": "a_module_that_is_not_there"})


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("permissions_required", ["chat.see"], "Use permission_required"),
        ("ALLOWED_HANDLERS", ["say"], "with an underscore"),
        ("aws_api_gateway_id", 1, "gateway's secret"),
        ("can_join_channel", lambda self, *args: False, "can_join(self, request, channel_name)"),
        ("USE_WS_TOKEN", True, "require_token = True"),
        ("staff_required", True, "Rename it"),
        ("groups_required", ("staff",), "Rename it"),
        ("MAX_CONNECTIONS_PER_USER", 5, "Rename it"),
        ("RATE_LIMIT", 5, "Rename it"),
        ("mfa_required", False, "Rename it"),
    ],
)
def test_an_option_that_nothing_reads_is_an_error(name, value, remedy):
    (error,) = errors(view_with(name, value))
    assert f"Chat.{name} does nothing" in error.msg
    assert remedy in error.hint


@pytest.mark.parametrize("name", ["login_required", "permission_required"])
def test_options_of_this_package_are_no_error(name):
    assert errors(view_with(name, None)) == []


class Base(WebSocketView):
    LIMIT = 5
    QUEUE = "a"
    NESTED = 1
    TEXT = 1
    FROM_MODULE = 1
    OF_PROPERTY = 1
    IN_HANDLER = 1
    _PRIVATE = 1
    Mixed = 1

    def say(self, request, *args, **kwargs):
        return self.LIMIT

    def count(self):
        return lambda: self.NESTED

    def text(self):
        return getattr(self, "TEXT")  # noqa: B009

    @property
    def of_property(self):
        return self.OF_PROPERTY

    @handler("other-name")
    def named(self, request, *args, **kwargs):
        return self.IN_HANDLER

    @classmethod
    def queue(cls):
        return cls.QUEUE


class Chat(Base):
    pass


def from_module():
    return Chat.FROM_MODULE


def test_an_attribute_that_your_code_reads_is_no_error():
    assert sys.modules[__name__].from_module() == 1
    assert errors(Chat) == []


def test_an_option_of_a_base_class_is_found():
    base = type("Base", (WebSocketView,), {"ALLOWED_HANDLERS": (), "__module__": "nowhere"})
    assert len(errors(type("Chat", (base,), {"__module__": "nowhere"}))) == 1
