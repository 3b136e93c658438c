"""A connected row that is deleted leaves no socket that is open and refused for ever."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import transaction
from django.db.models import RestrictedError
from django.db.models.signals import post_delete
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

pytestmark = pytest.mark.django_db(transaction=True)


SESSION = "django_aws_api_gateway_websockets_websocketsession"


USER = get_user_model()._meta.label_lower.replace(".", "_")


def url(model, page, *args):
    return reverse(f"admin:{model}_{page}", args=args)


def by_admin(admin_client, sessions):
    for session in sessions:
        admin_client.post(url(SESSION, "delete", session.pk), {"post": "y"})


def by_admin_action(admin_client, sessions):
    chosen = {"action": "delete_selected", "_selected_action": [session.pk for session in sessions], "post": "yes"}
    admin_client.post(url(SESSION, "changelist"), chosen)


def by_user_in_admin(admin_client, sessions):
    admin_client.post(url(USER, "delete", sessions[0].user.pk), {"post": "yes"})


DOORS = {
    "row": lambda client, sessions: [session.delete() for session in sessions],
    "queryset": lambda client, sessions: sessions.delete(),
    "ordered queryset": lambda client, sessions: sessions.order_by("-channel_name").delete(),
    "related manager": lambda client, sessions: sessions[0].api_gateway.sessions.all().delete(),
    "user": lambda client, sessions: sessions[0].user.delete(),
    "users": lambda client, sessions: get_user_model().objects.filter(username="alice").delete(),
    "admin": by_admin,
    "admin action": by_admin_action,
    "user in the admin": by_user_in_admin,
}


@pytest.fixture(params=[False, True], ids=["fast", "with signals"])
def listened(request):
    """With a receiver, Django loads the rows and deletes them one class at a time."""

    def receiver(**kwargs):
        pass

    if request.param:
        post_delete.connect(receiver, sender=WebSocketSession)
    yield
    post_delete.disconnect(receiver, sender=WebSocketSession)


@pytest.mark.parametrize("door", DOORS)
def test_deleting_connected_rows_closes_their_sockets(connect, alice, bob, admin_client, door, listened):
    sockets = [connect(alice, "Room") for _ in range(3)]
    other = connect(bob) if door != "related manager" else None
    DOORS[door](admin_client, WebSocketSession.objects.filter(user=alice))
    assert [socket.closed for socket in sockets] == [True] * 3
    assert not WebSocketSession.objects.filter(connection_id__in=[one.connection_id for one in sockets]).exists()
    assert other is None or (not other.closed and other.session.connected)


@pytest.mark.parametrize("door", ["row", "queryset", "user", "users"])
def test_a_deletion_that_is_rolled_back_closes_nothing(connect, alice, door):
    socket = connect(alice)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        DOORS[door](None, WebSocketSession.objects.filter(user=alice))
        1 / 0  # noqa: B018
    assert not socket.closed
    assert socket.session.connected


@pytest.mark.parametrize(
    "delete",
    [
        lambda gateway: gateway.delete(),
        lambda gateway: ApiGateway.objects.all().delete(),
        lambda gateway: ApiGateway.objects.filter(api_name="chat").delete(),
    ],
)
def test_a_gateway_with_open_connections_says_what_to_do(connect, alice, gateway, delete):
    socket, left = connect(alice), connect(alice)
    left.disconnect()
    with pytest.raises(RestrictedError, match=rf"'chat' has 1 open connection.*deleteApiGateway --pk={gateway.pk}"):
        delete(gateway)
    assert not socket.closed
    gateway.sessions.disconnect()
    delete(gateway)
    assert not WebSocketSession.objects.exists()


@pytest.mark.parametrize("count", [100, 900, 3000])
def test_a_user_with_many_rows_is_deleted_in_few_statements(alice, gateway, count, django_assert_max_num_queries):
    rows = [WebSocketSession(connection_id=f"{n}=", api_gateway=gateway, user=alice) for n in range(count)]
    WebSocketSession.objects.bulk_create(rows)
    WebSocketSession.objects.exclude(connection_id="0=").update(connected=False)
    # Old versions of SQLite take 999 parameters.
    with django_assert_max_num_queries(24 + 2 * (count // 980)):
        alice.delete()
    assert not WebSocketSession.objects.exists()


@pytest.mark.parametrize("count", [3, 100, 101, 2000])
def test_the_page_of_a_user_lists_or_counts_sessions(admin_client, alice, gateway, count):
    rows = [WebSocketSession(connection_id=f"{n}=", api_gateway=gateway, user=alice) for n in range(count)]
    WebSocketSession.objects.bulk_create(rows)
    WebSocketSession.objects.exclude(connection_id="0=").update(connected=False)
    page = admin_client.get(url(USER, "delete", alice.pk)).content.decode()
    assert f"WebSocket sessions: {count}" in page
    assert (f"{count:,} rows, 1 of them connected" in page) == (count > 100)
    assert ("1=</a>" in page) == (count <= 100)


@pytest.mark.parametrize("count", [10, 600, 1500])
def test_clearsessions_closes_connections_in_batches(connect, alice, count):
    socket = connect(alice)
    key = Session.objects.get().session_key
    yesterday = timezone.now() - timezone.timedelta(days=1)
    Session.objects.bulk_create(
        Session(session_key=f"{n:032}", session_data="", expire_date=yesterday) for n in range(count)
    )
    Session.objects.filter(session_key=key).update(expire_date=yesterday)
    with CaptureQueriesContext(transaction.get_connection()) as queries:
        call_command("clearsessions")
    # Django needs two for the deletion and, on SQLite, one more for each hundred rows.
    ours = [query for query in queries.captured_queries if "websocketsession" in query["sql"]]
    assert len(ours) <= 4 + 3 * (count // 500 + 1)
    assert socket.closed
    assert not socket.session.connected


def test_a_bulk_deletion_of_sessions_can_be_tried_again(connect, alice):
    socket, sessions = connect(alice), Session.objects.all()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        sessions.delete()
        1 / 0  # noqa: B018
    assert not socket.closed
    sessions.delete()
    assert socket.closed
