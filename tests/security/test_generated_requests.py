"""No request makes the view answer 500. Other methods than POST get 405 with Allow, and refusals are JSON."""

from __future__ import annotations

import json
import os

import pytest
from django.test import Client, override_settings
from django.urls import path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_aws_api_gateway_websockets import protocol
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient
from tests.views import ExampleView

urlpatterns = [path("ws/<str:route>", ExampleView.as_view())]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

#: A release is tested with GENERATED_REQUESTS=5000.
REQUESTS = int(os.environ.get("GENERATED_REQUESTS", "500"))

header_text = st.text(st.characters(max_codepoint=255), max_size=60)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
messages = st.dictionaries(
    st.sampled_from(["action", "text", "kind"]) | st.text(max_size=5),
    st.sampled_from(["test", "default", "help", "refuse", "connect", "__class__"]) | json_values,
    max_size=4,
).map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
bodies = messages | json_values.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200)
names = st.sampled_from(
    [
        *protocol.CONTEXT_HEADERS,
        protocol.API_ID_HEADER,
        protocol.SECRET_HEADER,
        protocol.MESSAGE_ID_HEADER,
        "Origin",
        "Host",
        "Cookie",
        "Content-Type",
        "Content-Encoding",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Http-Method-Override",
        "Sec-WebSocket-Protocol",
    ]
)
routes = st.sampled_from(["connect", "disconnect", "default", "orders", "_hidden", "setup"]) | st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="/"), min_size=1, max_size=20
)
queries = st.dictionaries(st.sampled_from(["channel", "ws_token", "x"]), st.text(max_size=300), max_size=2)
methods = st.sampled_from(["POST"] * 12 + ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY"])


@settings(
    max_examples=REQUESTS,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=methods, route=routes, body=bodies, query=queries, headers=st.dictionaries(names, header_text, max_size=3)
)
def test_no_request_is_answered_with_500(alice, method, route, body, query, headers):
    with override_settings(WEBSOCKETS={"MESSAGES_PER_CONNECTION": None, "CONNECTS_PER_IP": None}):
        answers_without_500(alice, method, route, body, query, headers)


def answers_without_500(alice, method, route, body, query, headers):
    if not hasattr(alice, "socket"):
        client = GatewayClient()
        client.force_login(alice)
        alice.socket = client.connect("/ws/")
    WebSocketSession.objects.update(connected=True)  # whatever the last request did
    genuine = alice.socket.event_headers(f"${route}" if route in ("connect", "disconnect") else "$default")
    url = "/ws/" + "".join(f"%{byte:02x}" for byte in route.encode())
    if query:
        pairs = ((key, value.encode("utf-8", "replace")) for key, value in query.items())
        url += "?" + "&".join(f"{key}=" + "".join(f"%{byte:02x}" for byte in value) for key, value in pairs)

    response = Client(raise_request_exception=False).generic(
        method, url, body, content_type="application/json", headers={**genuine, **headers}
    )

    assert response.status_code < 500
    if method != "POST" and "Host" not in headers:
        assert (response.status_code, response["Allow"]) == (405, "POST")
    elif response.status_code in (403, 413, 429):
        assert json.loads(response.content)["message"]
