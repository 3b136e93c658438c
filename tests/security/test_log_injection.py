"""Text from a client is always one line in the log."""

from __future__ import annotations

import json
import logging

import django
import pytest
from django.test import Client
from django.urls import path

from django_aws_api_gateway_websockets import protocol
from tests.views import ExampleView

urlpatterns = [path("ws/<str:route>", ExampleView.as_view(debug=True))]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

EVIL = "x\r\nWARNING forged line\n\x1b[31m\x1b]0;title\x07\x00\x85\u2028\u202e"
HEADERS = [
    protocol.API_ID_HEADER,
    protocol.CONNECTION_ID_HEADER,
    protocol.SECRET_HEADER,
    *sorted(set(protocol.CONTEXT_HEADERS) - {protocol.CONNECTION_ID_HEADER}),
    protocol.MESSAGE_ID_HEADER,
    protocol.TRACE_ID_HEADER,
    "Origin",
    "User-Agent",
    "X-Forwarded-For",
    "Sec-WebSocket-Protocol",
    "Content-Type",
]
PLACES = [*HEADERS, "route", "channel", "ws_token", "action", "key"]


def forged(socket, place):
    """A request for a message, or for ``$connect`` where only that reads the place."""
    route = "connect" if place in ("Origin", "channel", "ws_token") else "default"
    headers = {"Origin": "http://testserver", **socket.event_headers(f"${route}")}
    query, body = {}, {"action": "refuse"}
    if place in HEADERS:
        headers[place] = EVIL
    elif place == "route":
        route = EVIL.replace("/", "")
    elif place in ("channel", "ws_token"):
        query[place] = EVIL
    else:
        body = {"action": EVIL} if place == "action" else {EVIL: 1}
    url = "/ws/" + "".join(f"%{byte:02x}" for byte in route.encode())
    if query:
        url += "?" + "&".join(f"{key}=" + "".join(f"%{b:02x}" for b in value.encode()) for key, value in query.items())
    return url, headers, body


@pytest.mark.parametrize("place", PLACES)
def test_client_input_is_logged_as_one_line(connect, alice, place, caplog):
    assert len(PLACES) >= 20
    socket = connect(alice)
    url, headers, body = forged(socket, place)
    with caplog.at_level(logging.DEBUG):
        response = Client(raise_request_exception=False).post(
            url, json.dumps(body), content_type="application/json", headers=headers
        )
    assert response.status_code < 500
    for record in caplog.records:
        # Django 5.0 ended before its own lines were escaped (CVE-2025-48432).
        if not (django.VERSION[:2] == (5, 0) and record.name == "django.request"):
            assert record.getMessage().isprintable(), record


def test_refusals_are_logged_with_what_was_refused(connect, alice, caplog):
    socket = connect(alice)
    socket.send_json({"action": "help", "deep": json.loads("[" * 80 + "]" * 80)})
    assert "Refused /ws/default: The message is nested deeper than 64 levels." in caplog.messages
