"""When a login ends, its 50 real sockets are closed, and their rows say why."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
from django.conf import settings
from django.test import Client
from websockets.exceptions import ConnectionClosed

from django_aws_api_gateway_websockets.models import ClosedReason, WebSocketSession
from tests.sockets import connect as open_socket

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.django_db(transaction=True),
]

COUNT = 50


@pytest.fixture
def browser(alice):
    browser = Client()
    browser.force_login(alice)
    return browser


@pytest.fixture
def sockets(created, site, browser):
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                open_socket(created.websocket_url, additional_headers={"Cookie": cookie}, origin=site, open_timeout=30)
            )
            for _ in range(COUNT)
        ]


def log_out(browser, alice):
    browser.logout()


def change_password(browser, alice):
    alice.set_password("another")
    alice.save()


def deactivate(browser, alice):
    alice.is_active = False
    alice.save()


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (log_out, ClosedReason.LOGOUT),
        (change_password, ClosedReason.PASSWORD_CHANGED),
        (deactivate, ClosedReason.USER_INACTIVE),
    ],
)
def test_50_sockets_close_when_the_login_ends(sockets, browser, alice, created, site, end, reason):
    with open_socket(created.websocket_url, origin=site) as visitor:
        end(browser, alice)

        codes = []
        for socket in sockets:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=20)
            codes.append(closed.value.rcvd.code)
        assert codes == [1000] * COUNT
        rows = WebSocketSession.objects.filter(user=alice)
        assert list(rows.values_list("connected", "closed_reason")) == [(False, reason)] * COUNT

        visitor.send(json.dumps({"action": "help"}))
        assert json.loads(visitor.recv(timeout=20)) == {"help": ["test", "help"]}
