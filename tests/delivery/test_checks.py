from __future__ import annotations

import sys

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from django_aws_api_gateway_websockets.delivery.choice import has_curl, transport_factory


def found(**options):
    with override_settings(WEBSOCKETS=options):
        return [message.id for message in run_checks(tags=["websockets"], databases=())]


def test_e030_an_unknown_transport():
    assert found(SEND_TRANSPORT="httpx") == ["websockets.E030"]
    assert found(SEND_TRANSPORT="boto3") == []


def test_e031_an_unknown_task_engine():
    assert found(BACKGROUND="rq") == ["websockets.E031"]
    assert found(BACKGROUND="celery") == []


def test_e031_an_engine_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "celery", None)
    monkeypatch.delitem(sys.modules, "django_aws_api_gateway_websockets.background.celery_engine", raising=False)
    assert found(BACKGROUND="celery") == ["websockets.E031"]


@pytest.mark.parametrize("value", [0, -1, "5"])
def test_e032_a_number_that_is_none(value):
    assert found(SEND_THREADS=value) == ["websockets.E032"]
    assert found(SEND_RATE=None, SEND_DEADLINE=2.5) == []


@pytest.mark.parametrize(
    "options",
    [{"SEND_THREADS": 2.5}, {"SEND_CONNECTIONS": None}, {"SEND_CONNECT_TIMEOUT": None}, {"BACKGROUND_CHUNK": True}],
)
def test_e032_counts_are_integers_and_only_limits_may_be_none(options):
    assert found(**options) == ["websockets.E032"]


@pytest.mark.parametrize("value", ["msgpack", "tests.nowhere.encode", "", None])
def test_e034_an_unknown_encoder(value):
    assert found(MESSAGE_ENCODER=value) == ["websockets.E034"]
    assert found(MESSAGE_ENCODER="json.dumps") == []


class _Patched:
    """The parts of gevent.monkey and eventlet.patcher that say what they have replaced."""

    @staticmethod
    def is_module_patched(name):
        return name == "socket"

    is_monkey_patched = is_module_patched


@pytest.mark.parametrize("module", ["gevent.monkey", "eventlet.patcher"])
def test_w030_libcurl_is_not_used_under_greenlets(monkeypatch, module):
    if not has_curl():
        assert found() == []
        return
    monkeypatch.setitem(sys.modules, module, _Patched)
    assert found() == ["websockets.W030"]
    assert found(SEND_TRANSPORT="boto3") == []
    with override_settings(WEBSOCKETS={"SEND_TRANSPORT": "curl"}):
        assert transport_factory().__module__.endswith("delivery.boto")


@pytest.mark.parametrize(
    ("key", "names"),
    [("SEND_TRANSPORT", ["boto3", "curl"]), ("BACKGROUND", ["celery", "tasks"]), ("MESSAGE_ENCODER", ["json"])],
)
def test_messages_name_what_a_setting_can_be(key, names):
    with override_settings(WEBSOCKETS={key: "nonsense"}):
        (message,) = run_checks(tags=["websockets"], databases=())
    assert all(f'"{name}"' in message.msg for name in names)
    assert "dotted path" in message.msg
