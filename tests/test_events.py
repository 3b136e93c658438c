"""A request must prove that it came from the gateway, before its body is read or a query is made."""

from __future__ import annotations

import json

import pytest
from django.test import Client, override_settings

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.protocol import API_ID_HEADER, CONNECTION_ID_HEADER, SECRET_HEADER

pytestmark = pytest.mark.django_db


@pytest.fixture
def socket(connect, alice):
    return connect(alice)


def post(headers, route="default", **options):
    return Client().post(
        f"/ws/{route}", {"action": "help"}, content_type="application/json", headers=headers, **options
    )


def without(headers, *names):
    return {name: value for name, value in headers.items() if name not in names}


BAD_SECRETS = {
    "absent": lambda secret: None,
    "empty": lambda secret: "",
    "prefix": lambda secret: secret[:32],
    "wrong": lambda secret: "0" * 64,
    "wrong case": lambda secret: secret.upper(),
    "non-ASCII": lambda secret: "\xe9" * 64,
    "doubled": lambda secret: f"{secret},{secret}",
}


@pytest.mark.parametrize("bad", BAD_SECRETS)
@pytest.mark.parametrize("route", ["connect", "disconnect", "default"])
def test_a_forged_request_gets_403_without_a_query(socket, route, bad, django_assert_num_queries):
    headers = socket.event_headers(f"${route}")
    secret = BAD_SECRETS[bad](headers.pop(SECRET_HEADER))
    if secret is not None:
        headers[SECRET_HEADER] = secret

    with django_assert_num_queries(0):
        response = post(headers, route)

    assert response.status_code == 403
    assert SECRET_HEADER in json.loads(response.content)["message"]
    assert socket.session.connected
    assert socket.receive_nothing()


def test_the_secret_is_checked_before_the_body_is_read(socket):
    class Unreadable:
        def read(self, *args):
            raise AssertionError("the body was read")

        readline = read

    headers = without(socket.event_headers("$default"), SECRET_HEADER)
    assert post(headers, **{"wsgi.input": Unreadable()}).status_code == 403


def test_the_secret_of_one_gateway_does_not_open_another(socket):
    headers = {**socket.event_headers("$default"), API_ID_HEADER: "another"}
    assert post(headers).status_code == 403


def test_secret_of_a_fallback_key_counts_until_its_removal(socket, settings):
    headers = socket.event_headers("$default")
    old = settings.SECRET_KEY
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[old]):
        assert post(headers).status_code == 200
    with override_settings(SECRET_KEY="new"):
        assert post(headers).status_code == 403


@pytest.mark.parametrize("name", [API_ID_HEADER, CONNECTION_ID_HEADER])
def test_what_is_missing_is_named(socket, name):
    response = post(without(socket.event_headers("$default"), name))
    assert response.status_code in (400, 403)
    assert name in json.loads(response.content)["message"]


@pytest.mark.parametrize("connection_id", ["a b", "../x", "x" * 200, "a'--"])
def test_what_is_no_connection_id_is_refused(socket, connection_id):
    headers = {**socket.event_headers("$default"), CONNECTION_ID_HEADER: connection_id}
    assert post(headers).status_code == 400


def test_route_key_named_connect_does_not_reach_connect(socket):
    """The URL of a custom route key ``connect`` is that of ``$connect``: the mapped event type tells them apart."""
    response = post(socket.event_headers("$default"), "connect")
    assert response.status_code == 400
    assert json.loads(response.content)["message"] == "The route 'connect' takes CONNECT events, not MESSAGE."


@pytest.mark.parametrize("extra", [{}, {"X-Real-Ip": "10.0.0.1"}, {"X-Real-Ip": "10.0.0.1", "Connection": "close"}])
def test_without_a_secret_the_gateway_headers_are_required(socket, extra):
    headers = {**without(socket.event_headers("$default"), SECRET_HEADER), **extra}
    missing = [name for name in ("X-Real-Ip", "Connection") if name not in extra]

    with override_settings(WEBSOCKETS={"REQUIRE_SECRET": False}):
        response = post(headers)

    assert response.status_code == (400 if missing else 200)
    if missing:
        assert json.loads(response.content)["message"] == f"Headers are missing: {', '.join(missing)}."


def test_a_wrong_secret_is_refused_even_where_none_is_required(socket):
    with override_settings(WEBSOCKETS={"REQUIRE_SECRET": False}):
        assert post({**socket.event_headers("$default"), SECRET_HEADER: "wrong"}).status_code == 403


def test_a_list_that_a_subclass_sets_is_always_enforced(socket, settings):
    settings.ROOT_URLCONF = "tests.test_views"
    response = Client().post("/strict/default", headers=socket.event_headers("$default"))
    assert response.status_code == 400
    assert json.loads(response.content)["message"] == "Headers are missing: X-Real-Ip."


def test_no_forged_request_wrote_a_row(socket):
    post(without(socket.event_headers("$connect"), SECRET_HEADER), "connect")
    assert WebSocketSession.objects.count() == 1
