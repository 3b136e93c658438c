"""Credentials are used as they are set, and no error page, mail or log shows them."""

from __future__ import annotations

import pytest

from django_aws_api_gateway_websockets.background.work import JOBS
from django_aws_api_gateway_websockets.exceptions import CredentialsError, WebSocketsError
from django_aws_api_gateway_websockets.models import WebSocketSession

from ..leaks import shown
from .test_checks import found

pytestmark = pytest.mark.django_db
everyone = WebSocketSession.objects
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
PLANTED = {name: f"planted-{name.lower()}-0123456789" for name in KEYS}


@pytest.fixture
def planted(settings):
    for name, value in PLANTED.items():
        setattr(settings, name, value)


def row_of(gateway, **values):
    gateway.__class__.objects.filter(pk=gateway.pk).update(**values)
    return everyone.select_related("api_gateway").get()


@pytest.mark.once
@pytest.mark.parametrize("sender", ["many", "one", "task", "disconnect", "look up"])
@pytest.mark.parametrize("breaks", ["no region", "no URL", "refused", "hangs", "no server"])
def test_no_error_of_a_send_shows_a_credential(
    people, server, gateway_of, transport, planted, settings, sender, breaks
):
    gateway = gateway_of(server)
    people(1, gateway)
    row = everyone.select_related("api_gateway").get()
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, "SEND_READ_TIMEOUT": 0.2}
    if breaks == "no region":
        del settings.AWS_REGION_NAME
        row = row_of(gateway, api_endpoint="", domain_name="ws.example.com", custom_domain_created=True)
    elif breaks == "no URL":
        row = row_of(gateway, api_endpoint="nonsense")
    elif breaks == "no server":
        server.stop()
    else:
        server.everybody = {"refused": "forbidden", "hangs": "hang"}[breaks]
    calls = {
        "many": lambda: everyone.all().send_message({"n": 1}),
        "one": lambda: row.send_message({"n": 1}),
        "task": lambda: JOBS["deliver"]("b1", 1, 1, "default", "{}", False, [row.pk]),
        "disconnect": lambda: row.disconnect(),
        "look up": lambda: row.check_connection(),
    }
    with pytest.raises(WebSocketsError) as failed:
        calls[sender]()
    text = shown(failed.value)
    assert [name for name, value in PLANTED.items() if value in text] == []


def test_a_session_token_is_sent(people, server, transport, planted):
    people(1)
    everyone.get().send_message({"n": 1})
    (call,) = server.calls
    assert call.headers["x-amz-security-token"] == PLANTED["AWS_SESSION_TOKEN"]


@pytest.mark.parametrize("given", [KEYS[:1], KEYS[1:2], KEYS[2:], KEYS[1:]], ids=" ".join)
def test_half_of_the_credentials_is_refused(people, transport, settings, given):
    for name in KEYS:
        setattr(settings, name, PLANTED[name] if name in given else None)
    people(1)
    with pytest.raises(CredentialsError, match=f"{given[0]}.* is set, but AWS_.* is not"):
        everyone.get().send_message({"n": 1})
    assert "websockets.E033" in found()
