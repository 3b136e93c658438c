"""What a session row keeps of its client: the address and the browser, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.protocol import client_user_agent

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
OWN = "AmazonAPIGateway_a1b2c3d4e5"


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (FIREFOX, FIREFOX),
        (OWN, ""),
        (f"{FIREFOX}, {OWN}", FIREFOX),
        (f"{FIREFOX},{OWN}", FIREFOX),
        ("", ""),
        (f"{OWN} or so", f"{OWN} or so"),
        ("curl, AmazonAPIGateway_", "curl, AmazonAPIGateway_"),
    ],
)
def test_the_browser_is_the_client_s_own(header, kept):
    assert client_user_agent(header) == kept


@pytest.mark.parametrize("agent", [FIREFOX, "é\0x", "y" * 5_000])
def test_a_row_says_from_where_it_was_opened(connect, alice, agent):
    session = connect(alice, headers={"User-Agent": agent}).session
    assert (session.source_ip, session.stage_name) == ("127.0.0.1", "production")
    assert session.user_agent == agent.replace("\0", "")[:255]


def test_nothing_is_kept_if_the_setting_is_off(connect, alice, settings):
    settings.WEBSOCKETS = {"RECORD_CLIENT": False}
    session = connect(alice, headers={"User-Agent": FIREFOX}).session
    assert (session.source_ip, session.user_agent) == ("", "")


@pytest.mark.parametrize(("days", "kept"), [(29, FIREFOX), (31, "")])
@pytest.mark.parametrize("connected", [True, False])
def test_the_clean_up_forgets_it_with_time(gateway, capsys, days, kept, connected):
    row = WebSocketSession.objects.create(
        connection_id="a=", api_gateway=gateway, source_ip="192.0.2.7", user_agent=FIREFOX, connected=connected
    )
    WebSocketSession.objects.update(created_on=timezone.now() - timedelta(days=days))
    for _ in range(2):
        call_command("clearWebSocketSessions", "--older-than=60d")
    row.refresh_from_db()
    assert row.user_agent == kept
    assert bool(row.source_ip) == bool(kept)
    assert capsys.readouterr().out.count("Forgot the address and browser of 1 session.") == (0 if kept else 1)


def test_it_goes_with_the_user(connect, alice):
    connect(alice, headers={"User-Agent": FIREFOX})
    alice.delete()
    assert not WebSocketSession.objects.exists()
