"""The admin's session list: who is connected, how to find them, and how to write to them or disconnect them."""

from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from django_aws_api_gateway_websockets.admin.paging import BoundedPaginator
from django_aws_api_gateway_websockets.models import ClosedReason, WebSocketSession

pytestmark = pytest.mark.django_db

MODEL = "django_aws_api_gateway_websockets_websocketsession"
LIST = f"admin:{MODEL}_changelist"
OPERATIONS = ["send_a_message", "disconnect"]


def act(client, action, sessions, **values):
    chosen = {"action": action, "_selected_action": [session.pk for session in sessions], **values}
    return client.post(reverse(LIST), chosen, follow=True)


def text(response):
    return response.content.decode()


@pytest.fixture
def staff(make_user):
    """``staff("view", "change")``: a client of somebody with these permissions for sessions."""

    def staff(*permissions):
        user = make_user("staff", is_staff=True)
        for name in permissions:
            user.user_permissions.add(Permission.objects.get(codename=f"{name}_websocketsession"))
        client = Client()
        client.force_login(user)
        return client

    return staff


@pytest.fixture
def rows(gateway, alice, bob):
    made = [
        ("a=", alice, "Room", True),
        ("b=", bob, "Room", True),
        ("c=", alice, "", True),
        ("d=", alice, "Room", False),
    ]
    for name, user, channel, connected in made:
        reason = "" if connected else ClosedReason.LOGOUT
        WebSocketSession.objects.create(
            connection_id=name,
            user=user,
            channel_name=channel,
            connected=connected,
            closed_reason=reason,
            api_gateway=gateway,
        )
    return WebSocketSession.objects.order_by("pk")


def test_the_list_says_who_since_when_and_why_closed(admin_client, rows):
    page = text(admin_client.get(reverse(LIST)))
    for said in ("a=", "alice", "bob", "Room", "chat", "logout", "Why closed", "Created on", "Last activity on"):
        assert said in page


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("alice", "acd"),
        (" alice ", "acd"),
        ("bob", "b"),
        ("a=", "a"),
        ("d=", "d"),
        ("Room", "ab"),
        ("room", ""),
        ("A=", ""),
        ("ali", ""),
        ("nobody", ""),
        ("", "abcd"),
    ],
)
def test_the_search_finds_users_connections_and_channels(admin_client, rows, term, found):
    for user in get_user_model().objects.all():
        term = term.replace(user.username, user.get_username())
    page = admin_client.get(reverse(LIST), {"q": term})
    assert sorted(session.connection_id for session in page.context["cl"].result_list) == [f"{one}=" for one in found]


def test_the_list_and_the_search_include_joined_channels(admin_client, rows, django_assert_max_num_queries):
    for session in rows.filter(connected=True):
        for number in range(7):
            session.join(f"Hall {number}")
    with django_assert_max_num_queries(15):
        page = admin_client.get(reverse(LIST), {"q": "Hall 3"})
    assert sorted(session.connection_id for session in page.context["cl"].result_list) == ["a=", "b=", "c="]
    assert "Room, Hall 0, Hall 1, Hall 2, Hall 3, …" in text(page)


def test_the_list_and_the_search_never_count_all_rows(admin_client, rows):
    for query in ({}, {"q": "alice"}, {"connected__exact": 1}, {"_facets": "True"}):
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(reverse(LIST), query)
        counts = [one["sql"] for one in queries.captured_queries if "COUNT(" in one["sql"]]
        assert all("LIMIT" in sql for sql in counts), counts


@pytest.mark.parametrize(("rows_there", "limit", "counted"), [(3, 10, 3), (3, 3, 3), (3, 2, 2), (0, 2, 0)])
def test_the_list_ends_after_a_number_of_rows(gateway, monkeypatch, rows_there, limit, counted):
    for number in range(rows_there):
        WebSocketSession.objects.create(connection_id=f"{number}=", api_gateway=gateway)
    monkeypatch.setattr(BoundedPaginator, "LIMIT", limit)
    assert BoundedPaginator(WebSocketSession.objects.order_by("-pk"), 100).count == counted


def test_no_column_sorts_the_whole_table(admin_client, rows):
    page = text(admin_client.get(reverse(LIST), {"o": "3.-2"}))
    assert "sortable" not in page.replace("sortoptions", "")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_action_asks_first(admin_client, connect, alice, operation):
    socket = connect(alice, "Room")
    page = text(act(admin_client, operation, [socket.session]))
    for said in (socket.connection_id, "alice", "Room", "chat", "1 connection"):
        assert said in page
    assert ">null<" not in page.replace("\n", "")
    assert not socket.closed
    with pytest.raises(AssertionError):
        socket.receive_json()


@pytest.mark.parametrize("message", [{"type": "notice", "text": "Grüße <b>"}, {"a": [1, None]}, {"": {}}])
def test_a_message_reaches_the_connected_ones(admin_client, connect, alice, bob, message):
    sockets = [connect(alice), connect(bob)]
    closed = connect(alice)
    closed.disconnect()
    chosen = [socket.session for socket in (*sockets, closed)]
    page = text(act(admin_client, "send_a_message", chosen, confirmed="yes", message=json.dumps(message)))
    assert "Sent to 2 connections." in page
    assert [socket.receive_json() for socket in sockets] == [message] * 2
    logged = [entry.get_change_message() for entry in LogEntry.objects.all()]
    assert logged == ["Send a message: done."] * 2


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("", "This field is required."),
        ("{", "Enter a valid JSON."),
        ("hello", "Enter a valid JSON."),
        ('"hello"', "Enter a JSON object, in curly brackets."),
        ("7", "Enter a JSON object, in curly brackets."),
        ("[1, 2]", "Enter a JSON object, in curly brackets."),
        ("{}", "This field is required."),
        *((opening * depth, "Enter a valid JSON.") for opening in ("[", '{"a":') for depth in (65, 900, 10_000)),
        ('{"a":' * 500 + "1" + "}" * 500, "Enter a valid JSON."),
    ],
)
def test_a_message_that_is_no_object_is_refused(admin_client, connect, alice, message, said):
    socket = connect(alice)
    page = text(act(admin_client, "send_a_message", [socket.session], confirmed="yes", message=message))
    assert said in page
    assert message in page.replace("&quot;", '"')
    with pytest.raises(AssertionError):
        socket.receive_json()


def test_disconnecting_closes_sockets_and_says_why(admin_client, connect, alice, bob):
    sockets, kept = [connect(alice), connect(alice)], connect(bob)
    page = text(act(admin_client, "disconnect", [socket.session for socket in sockets], confirmed="yes"))
    assert "Disconnected 2 connections." in page
    assert [socket.closed for socket in sockets] == [True, True]
    assert {socket.session.closed_reason for socket in sockets} == {ClosedReason.KICKED}
    assert not kept.closed


def test_all_rows_of_a_search_can_be_chosen(admin_client, connect, alice, bob):
    sockets, kept = [connect(alice), connect(alice)], connect(bob)
    query = {"action": "disconnect", "_selected_action": sockets[0].session.pk, "select_across": 1, "confirmed": "yes"}
    admin_client.post(f"{reverse(LIST)}?q={alice.get_username()}", query)
    assert [socket.closed for socket in sockets] == [True, True]
    assert not kept.closed


def test_the_page_keeps_the_choice_of_all_rows(admin_client, rows):
    page = text(act(admin_client, "disconnect", [rows[0]], select_across=1))
    assert 'name="select_across" value="1"' in page
    assert "3 connections" in page


@pytest.mark.parametrize("operation", OPERATIONS)
def test_closed_sessions_leave_nothing_to_do(admin_client, rows, operation):
    assert "None of the sessions that you selected is connected." in text(act(admin_client, operation, [rows[3]]))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("permissions", [["view"], ["view", "add"], ["view", "delete"]])
def test_actions_need_the_permission_to_change(staff, connect, alice, operation, permissions):
    client, socket = staff(*permissions), connect(alice)
    assert f'value="{operation}"' not in text(client.get(reverse(LIST)))
    act(client, operation, [socket.session], confirmed="yes", message='{"a": 1}')
    assert not socket.closed
    assert socket.session.connected


@pytest.mark.parametrize("operation", OPERATIONS)
def test_actions_are_there_with_the_permission(staff, connect, alice, operation):
    client, socket = staff("view", "change"), connect(alice)
    assert f'value="{operation}"' in text(client.get(reverse(LIST)))
    page = text(act(client, operation, [socket.session], confirmed="yes", message='{"a": 1}'))
    assert "1 connection." in page
    assert f"{socket.session.pk}/change" in page
    assert client.post(reverse(f"admin:{MODEL}_change", args=[socket.session.pk]), {"connected": ""}).status_code == 403


def test_what_a_client_sent_is_escaped(admin_client, gateway):
    session = WebSocketSession.objects.create(
        connection_id="x=", channel_name="<script>x</script>", api_gateway=gateway
    )
    for page in (admin_client.get(reverse(LIST)), *(act(admin_client, one, [session]) for one in OPERATIONS)):
        assert "<script>x" not in text(page)
        assert "&lt;script&gt;x" in text(page)


def test_deleting_all_sessions_asks_with_numbers(admin_client, rows, django_assert_max_num_queries):
    with django_assert_max_num_queries(13):
        page = text(act(admin_client, "delete_selected", [rows[0]], select_across=1))
    assert "4 sessions. 3 of them are connected, and will be disconnected first." in page


def test_an_error_of_aws_is_one_message(admin_client, connect, alice, gateway):
    socket = connect(alice)
    gateway.api_endpoint = ""
    gateway.save()
    for operation in OPERATIONS:
        page = text(act(admin_client, operation, [socket.session], confirmed="yes", message='{"a": 1}'))
        assert f"Run createApiGateway --pk={gateway.pk}." in page
    assert socket.session.connected
