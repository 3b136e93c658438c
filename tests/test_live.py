"""The admin's page "Live": who is connected now, and what happened in the last hours."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_aws_api_gateway_websockets.admin import live
from django_aws_api_gateway_websockets.admin.plots import draw
from django_aws_api_gateway_websockets.exceptions import GatewayNotCreated
from django_aws_api_gateway_websockets.models import ChannelMembership, ClosedReason, WebSocketSession, activity

pytestmark = pytest.mark.django_db(transaction=True)

MODEL = "django_aws_api_gateway_websockets_websocketsession"
LIVE, LIST = f"admin:{MODEL}_live", f"admin:{MODEL}_changelist"


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def page(admin_client):
    """``page()``: the words of the page."""

    def page():
        text = re.sub(r"<[^>]*>", " ", admin_client.get(reverse(LIVE)).content.decode())
        return " ".join(text.split())

    return page


def test_the_list_of_sessions_leads_to_the_page(admin_client):
    assert f'href="{reverse(LIVE)}"' in admin_client.get(reverse(LIST)).content.decode()


def test_it_counts_by_gateway_channel_and_user(page, connect, alice, bob):
    assert "0 open connections" in page()
    sockets = [connect(alice, "Room"), connect(alice, "Room"), connect(bob, "Hall"), connect()]
    said = page()
    assert "4 open connections" in said
    assert "Gateways Open chat 4" in said
    assert "Channels Open Room 2 Hall 1 no channel 1" in said or "Channels Open Room 2 no channel 1 Hall 1" in said
    assert f"{alice.get_username()} 2" in said
    assert "anonymous 1" in said
    sockets[0].disconnect()
    assert "3 open connections" in page()


def test_it_counts_joined_channels(page, connect, alice, bob):
    one, other, _ = connect(alice, "Room"), connect(bob), connect()
    for session, name in ((one.session, "Hall"), (other.session, "Hall"), (other.session, "Room")):
        session.join(name)
    ChannelMembership.objects.create(session=one.session, channel_name="Room")
    connect(bob, "Hall").disconnect()
    assert "Channels Open Hall 2 Room 2 no channel 1" in page()


def test_a_connection_older_than_two_hours_is_not_open(page, connect, alice):
    connect(alice)
    WebSocketSession.objects.update(created_on=timezone.now() - timedelta(hours=2, minutes=1))
    assert "0 open connections" in page()


@pytest.mark.parametrize(("age", "partial"), [(timedelta(hours=3), False), (timedelta(minutes=3), True)])
def test_it_says_if_older_rows_may_be_open(page, connect, alice, monkeypatch, age, partial):
    for _ in range(3):
        connect(alice)
    first = WebSocketSession.objects.earliest("pk")
    WebSocketSession.objects.filter(pk=first.pk).update(created_on=timezone.now() - age)
    monkeypatch.setattr(live, "NEWEST", 2)
    said = page()
    assert "2 open connections" in said
    assert ("Counted among the newest 2 sessions." in said) == partial


@pytest.mark.parametrize("name", ["Room", "alice", "chat"])
def test_each_line_leads_to_its_rows(admin_client, connect, alice, bob, name):
    connect(alice, "Room")
    connect(bob, "Hall").disconnect()
    name = name.replace("alice", alice.get_username())
    text = admin_client.get(reverse(LIVE)).content.decode()
    (link,) = re.findall(rf'<a href="([^"]*)">{name}</a>', text)
    found = admin_client.get(link.replace("&amp;", "&")).context["cl"].result_list
    assert [session.user for session in found] == [alice]


def test_connects_messages_and_ends_are_counted(page, connect, alice):
    sockets = [connect(alice) for _ in range(3)]
    for _ in range(4):
        sockets[0].send_json({"action": "test"})
    sockets[0].disconnect()
    WebSocketSession.objects.filter(pk=sockets[1].session.pk).disconnect(ClosedReason.KICKED)
    said = page()
    assert "Connects: 3" in said
    assert "Messages received: 4" in said
    assert "Ended connections: 2" in said
    assert "Closed by the client or by API Gateway" in said
    assert "Removed by the site" in said


def test_a_rolled_back_end_is_not_counted(page, connect, alice):
    socket = connect(alice)
    with transaction.atomic():
        socket.session.mark_disconnected(ClosedReason.CLIENT)
        transaction.set_rollback(True)
    assert "Ended connections: 0" in page()


def test_a_failed_send_is_listed(page, connect, alice, gateway):
    socket = connect(alice)
    gateway.api_endpoint = ""
    gateway.save()
    for send in (socket.session.send_message, WebSocketSession.objects.all().send_message):
        with pytest.raises(GatewayNotCreated):
            send({"private": "words"})
    said = page()
    assert said.count(f"createApiGateway --pk={gateway.pk}") == 2
    assert "0 sent, 1 failed" in said
    assert "private" not in said
    assert socket.session.connected


def test_nothing_is_counted_if_the_setting_is_off(page, connect, alice, settings):
    settings.WEBSOCKETS = {"COUNT_EVENTS": False}
    connect(alice).disconnect()
    assert "Nothing is counted, because the setting COUNT_EVENTS is off." in page()
    settings.WEBSOCKETS = {}
    assert "Connects: 0" in page()


class BrokenCache:
    def __init__(self, *args):
        pass

    def __getattr__(self, name):
        raise OSError("down")

    def close(self, **kwargs):
        pass


def test_a_broken_cache_refuses_no_event(connect, alice, gateway, settings, caplog):
    socket = connect(alice)
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenCache"}}
    assert socket.send_json({"action": "test"}).status_code == 200
    activity.write_counts()  # as an event does a second later
    assert "Events were not counted: the cache 'default' failed: OSError('down')" in caplog.text
    gateway.api_endpoint = ""
    gateway.save()
    with pytest.raises(GatewayNotCreated):
        WebSocketSession.objects.all().send_message({})
    assert "A failure was not noted" in caplog.text


def test_it_says_if_counters_are_not_shared(page, settings, tmp_path):
    note = "these are the events of this process only"
    assert note in page()
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": tmp_path}
    }
    assert note not in page()


def test_the_page_needs_the_permission_to_view(make_user):
    user = make_user("staff", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get(reverse(LIVE)).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="view_websocketsession"))
    assert client.get(reverse(LIVE)).status_code == 200
    assert Client().get(reverse(LIVE)).status_code == 302


def test_what_a_client_sent_is_escaped(admin_client, connect, alice):
    connect(alice, "<script>x</script>")
    text = admin_client.get(reverse(LIVE)).content.decode()
    assert "<script>x" not in text
    assert "&lt;script&gt;x" in text


def test_the_page_never_counts_all_rows(admin_client, connect, alice):
    connect(alice, "Room")
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(reverse(LIVE))
    counts = [one["sql"] for one in queries.captured_queries if "COUNT(" in one["sql"]]
    assert len(counts) == 5
    assert all(" > " in sql for sql in counts)


def test_numbers_in_a_picture_are_plain_in_every_language(admin_client, connect, alice, settings):
    settings.LANGUAGE_CODE, settings.USE_THOUSAND_SEPARATOR = "de", True
    for _ in range(3):
        connect(alice)
    svg = re.search(
        r"<svg viewBox=.0 0 720.*?</svg>", admin_client.get(reverse(LIVE)).content.decode(), re.DOTALL
    ).group()
    values = re.findall(r' (?:x|y|width|height|x1|y1)="([^"]*)"', svg)
    assert values
    assert all(value.isdigit() for value in values)


@pytest.mark.parametrize(("counts", "top"), [([0], "2"), ([1], "2"), ([3], "4"), ([5, 7], "8"), ([1500], "2,000")])
def test_an_axis_ends_at_a_round_number(counts, top):
    now = timezone.now()
    plot = draw("x", "X", {"a": "a"}, [(now, {"a": one}) for one in counts])
    assert plot.lines[-1].text == top


def test_the_parts_of_a_bar_lie_on_each_other():
    plot = draw("x", "X", {"a": "a", "b": "b"}, [(timezone.now(), {"a": 1, "b": 3})])
    below, above = plot.bars
    assert (below.title[6:], above.title[6:]) == ("b: 3", "a: 1")
    assert above.y + above.height == below.y
    assert plot.rows[0][1] == [3, 1]
