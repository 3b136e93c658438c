"""A login that ends closes the sockets that were opened under it."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model, update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from django_aws_api_gateway_websockets.models import ApiGateway, ClosedReason, WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused
from tests.views import ExampleView, SlowView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("ws/<slug:route>", ExampleView.as_view()),
    path("slow/<slug:route>", SlowView.as_view()),
]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def _no_limits(settings):
    settings.WEBSOCKETS = {"CONNECTS_PER_USER": None}


@pytest.fixture
def browser(alice, gateway):
    client = GatewayClient()
    client.force_login(alice)
    return client


def open_50(client):
    return [client.connect("/ws/") for _ in range(50)]


def assert_closed(sockets, reason):
    assert [socket.closed for socket in sockets] == [True] * 50
    rows = WebSocketSession.objects.filter(connection_id__in=[socket.connection_id for socket in sockets])
    assert list(rows.values_list("connected", "closed_reason")) == [(False, reason)] * 50
    for socket in sockets:
        socket._open_now = True  # a message that was under way when the socket closed
        assert socket.send_json({"action": "refuse"}).status_code == 403


def test_logout_closes_the_50_sockets_of_that_session(browser, alice):
    elsewhere = GatewayClient()
    elsewhere.force_login(alice)
    kept = elsewhere.connect("/ws/")
    sockets = open_50(browser)

    browser.logout()

    assert_closed(sockets, ClosedReason.LOGOUT)
    assert not kept.closed
    assert kept.send_json({"action": "help"}).status_code == 200


def test_a_password_change_closes_50_sockets(browser, alice):
    sockets = open_50(browser)
    alice.set_password("another")
    alice.save()
    assert_closed(sockets, ClosedReason.PASSWORD_CHANGED)


def test_deactivation_closes_50_sockets(browser, alice):
    sockets = open_50(browser)
    alice.is_active = False
    alice.save(update_fields=["is_active"])
    assert_closed(sockets, ClosedReason.USER_INACTIVE)


def test_flushing_a_session_closes_50_sockets(browser):
    sockets = open_50(browser)
    browser._browser.session.flush()
    assert_closed(sockets, ClosedReason.SESSION_ENDED)


def test_deleting_session_rows_in_bulk_closes_their_sockets(browser):
    sockets = open_50(browser)
    Session.objects.all().delete()
    assert_closed(sockets, ClosedReason.SESSION_ENDED)


def test_deleting_the_user_closes_50_sockets(browser, alice):
    sockets = open_50(browser)
    alice.delete()
    assert [socket.closed for socket in sockets] == [True] * 50
    assert not WebSocketSession.objects.exists()
    sockets[0]._open_now = True
    assert sockets[0].send_json({"action": "refuse"}).status_code == 403


def test_a_change_that_is_rolled_back_closes_nothing(browser, alice):
    socket = browser.connect("/ws/")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        alice.is_active = False
        alice.save()
        assert not socket.closed
        1 / 0  # noqa: B018
    assert not socket.closed
    assert socket.send_json({"action": "help"}).status_code == 200


@pytest.fixture
def member():
    """A proxy of the user model, as an app would declare it."""

    class Member(get_user_model()):
        class Meta:
            proxy = True
            app_label = "auth"

    yield Member
    del apps.all_models["auth"]["member"]
    apps.clear_cache()


def test_saving_or_deleting_a_proxy_user_counts_as_the_user(browser, alice, member):
    first = browser.connect("/ws/")
    same = member.objects.get(pk=alice.pk)
    same.set_password("another")
    same.save()
    assert (first.closed, first.session.closed_reason) == (True, ClosedReason.PASSWORD_CHANGED)
    browser.force_login(same)
    second = browser.connect("/ws/")
    same.delete()
    assert second.closed


def test_rows_of_other_models_are_not_loaded_to_be_deleted(db):
    with CaptureQueriesContext(connection) as captured:
        LogEntry.objects.all().delete()
    assert not [query for query in captured.captured_queries if query["sql"].startswith("SELECT")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_active": False}, ClosedReason.USER_INACTIVE),
        ({"password": "md5$x$0cc175b9c0f1b6a831c399e269772661"}, ClosedReason.PASSWORD_CHANGED),
    ],
)
def test_what_no_signal_told_of_is_found_by_the_next_message(browser, alice, change, reason):
    first, second = browser.connect("/ws/"), browser.connect("/ws/")
    get_user_model().objects.filter(pk=alice.pk).update(**change)
    assert first.send_json({"action": "refuse"}).status_code == 403
    assert (first.closed, first.session.closed_reason) == (True, reason)
    assert second.send_json({"action": "refuse"}).status_code == 403


def test_saving_a_user_otherwise_closes_nothing(browser, alice):
    socket = browser.connect("/ws/")
    alice.first_name = "Alice"
    alice.save()
    alice.save(update_fields=["last_login"])
    assert not socket.closed
    assert socket.send_json({"action": "help"}).status_code == 200


def test_a_login_elsewhere_costs_no_query_for_sockets(browser, alice, django_assert_num_queries):
    with django_assert_num_queries(1):
        alice.save(update_fields=["last_login"])


def test_a_password_change_closes_old_sockets_and_allows_new(browser, alice, rf):
    socket = browser.connect("/ws/")
    request = rf.post("/")
    request.session = browser._browser.session
    request.user = alice
    alice.set_password("another")
    alice.save()
    update_session_auth_hash(request, alice)
    request.session.save()
    browser.cookies["sessionid"] = request.session.session_key
    assert socket.closed
    assert browser.connect("/ws/").session.user == alice


def test_secret_key_fallbacks_keep_sockets_as_they_keep_logins(browser, settings):
    socket = browser.connect("/ws/")
    old = settings.SECRET_KEY
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[old]):
        assert socket.send_json({"action": "help"}).status_code == 200
    with override_settings(SECRET_KEY="new"):
        # Without the fallback not even the gateway is believed.
        assert socket.send_json({"action": "help"}).status_code == 403


@pytest.fixture
def rotated(settings):
    """From now on the key under which everything was made is one that still counts."""
    return lambda: override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY])


def test_during_key_rotation_only_a_password_change_closes(browser, alice, rotated):
    old = browser.connect("/ws/")
    with rotated():
        fresh = GatewayClient()
        fresh.force_login(alice)
        new = fresh.connect("/ws/")
        alice.first_name = "Alice"
        alice.save()
        assert [socket.send_json({"action": "help"}).status_code for socket in (old, new)] == [200, 200]
        alice.set_password("another")
        alice.save()
        assert [socket.session.closed_reason for socket in (old, new)] == [ClosedReason.PASSWORD_CHANGED] * 2


def test_during_key_rotation_a_handshake_keeps_the_session_key(browser, alice, rotated):
    old = browser.connect("/ws/")
    key = browser.cookies["sessionid"].value
    with rotated():
        new = browser.connect("/ws/")
        # No gateway brings the browser another cookie.
        assert browser.cookies["sessionid"].value == key
        assert new.session.user == alice
        assert not old.closed
        browser.logout()
    assert [socket.session.closed_reason for socket in (old, new)] == [ClosedReason.LOGOUT] * 2


@pytest.mark.parametrize(("engine", "open_still"), [("db", False), ("cache", True)])
def test_during_key_rotation_no_socket_outlives_the_logout(alice, gateway, rotated, settings, engine, open_still):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    browser = GatewayClient()
    browser.force_login(alice)
    socket = browser.connect("/ws/")
    with rotated():
        browser._browser.get("/admin/")
        assert socket.session.connected == open_still
        browser.logout()
    assert socket.closed


def test_logout_closes_all_sockets_with_signed_cookie_sessions(alice, bob, gateway, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    mine, his = GatewayClient(), GatewayClient()
    mine.force_login(alice)
    his.force_login(bob)
    socket, other = mine.connect("/ws/"), his.connect("/ws/")
    mine.logout()
    assert (socket.closed, socket.session.closed_reason) == (True, ClosedReason.LOGOUT)
    assert not other.closed


def assert_refused_for_good(browser, meanwhile):
    SlowView.meanwhile.append(meanwhile)
    with pytest.raises(HandshakeRefused) as refused:
        browser.connect("/slow/", "lobby")
    assert refused.value.status_code == 403
    assert "The login under which the connection was opened has ended." in str(refused.value)
    row = WebSocketSession.objects.get()
    assert (row.connected, row.closed_reason) == (False, ClosedReason.REFUSED)


@pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "file", "signed_cookies"])
def test_a_logout_while_a_connect_is_under_way_ends_it(alice, gateway, settings, tmp_path, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    browser = GatewayClient()
    browser.force_login(alice)
    assert_refused_for_good(browser, browser.logout)
    # The next login has nothing to do with it.
    browser.force_login(alice)
    assert browser.connect("/slow/", "lobby").send_json({"action": "help"}).status_code == 200


@pytest.mark.autocommit
def test_ending_the_session_ends_a_connect_under_way(browser):
    assert_refused_for_good(browser, Session.objects.all().delete)


def test_a_short_token_age_does_not_hide_a_logout(browser, settings):
    settings.WEBSOCKETS = {"CONNECT_TOKEN_MAX_AGE": -1}
    assert_refused_for_good(browser, browser.logout)


def test_a_failing_cache_is_logged_and_blocks_no_login_or_logout(browser, caplog):
    with override_settings(CACHES={"default": {"BACKEND": "tests.security.test_limits.BrokenCache"}}):
        socket = browser.connect("/ws/")
        browser.logout()
    assert socket.closed
    assert "The end of a login was not checked, because the cache 'default' failed" in caplog.text
    assert "The end of a session was not recorded, because the cache 'default' failed" in caplog.text


def test_who_comes_with_a_stale_login_is_a_visitor(browser, alice):
    get_user_model().objects.filter(pk=alice.pk).update(password="md5$x$0cc175b9c0f1b6a831c399e269772661")
    assert browser.connect("/ws/").session.user is None


def test_a_logout_does_not_close_what_visitors_opened(browser):
    visitor = GatewayClient().connect("/ws/")
    browser.connect("/ws/")
    browser.logout()
    assert not visitor.closed


def test_a_socket_aws_cannot_close_does_not_stop_the_logout(browser, caplog, gateway, settings):
    settings.WEBSOCKETS = {"SEND_CONNECT_TIMEOUT": 0.2, "SEND_READ_TIMEOUT": 0.2}
    sockets = [browser.connect("/ws/"), browser.connect("/ws/")]
    unreachable = type(gateway).objects.create(
        api_name="down", api_id="down", target_base_endpoint="https://testserver/ws/", api_endpoint="ws://127.0.0.1:9/x"
    )
    WebSocketSession.objects.filter(connection_id=sockets[0].connection_id).update(api_gateway=unreachable)
    browser.logout()
    assert [socket.closed for socket in sockets] == [False, True]
    assert not WebSocketSession.objects.filter(connected=True).exists()
    assert f"The connection {sockets[0].connection_id} was not closed" in caplog.text


@pytest.fixture
def sockets_that_are_nowhere(browser):
    """One whose gateway was deleted in AWS, one whose gateway has a broken endpoint, and one that is well."""
    sockets = [browser.connect("/ws/") for _ in range(3)]
    for socket, endpoint in zip(sockets, ["", "not a URL"]):
        gone = ApiGateway.objects.create(api_name="gone", target_base_endpoint="https://testserver/ws/")
        ApiGateway.objects.filter(pk=gone.pk).update(api_endpoint=endpoint)
        WebSocketSession.objects.filter(connection_id=socket.connection_id).update(api_gateway=gone)
    return sockets


def assert_only_the_last_is_closed(sockets, caplog):
    assert [socket.closed for socket in sockets] == [False, False, True]
    for socket in sockets[:2]:
        assert f"The connection {socket.connection_id} was not closed" in caplog.text
    assert not WebSocketSession.objects.filter(connected=True).exists()


@pytest.mark.parametrize("atomic", [False, True])
def test_a_deleted_gateway_does_not_block_the_logout(browser, sockets_that_are_nowhere, atomic, monkeypatch, caplog):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    get_user_model().objects.update(is_staff=True)
    page = Client()
    page.cookies = browser.cookies
    assert page.post("/admin/logout/").status_code == 200
    assert "_auth_user_id" not in page.session
    assert_only_the_last_is_closed(sockets_that_are_nowhere, caplog)


def test_a_gateway_that_is_no_more_stops_no_password_change(alice, sockets_that_are_nowhere, caplog):
    alice.set_password("another")
    alice.save()
    assert_only_the_last_is_closed(sockets_that_are_nowhere, caplog)


def test_a_gateway_that_is_no_more_stops_no_refusal(browser, alice):
    socket = browser.connect("/ws/")
    ApiGateway.objects.filter(pk=socket.gateway.pk).update(api_endpoint="")
    get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
    assert socket.send_json({"action": "refuse"}).status_code == 403


class ReadsFromAReplica:
    """One that is down, so that whatever asks it fails."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


def test_closing_sockets_reads_from_the_primary_not_the_replica(browser, alice):
    socket = browser.connect("/ws/")
    alice.set_password("another")
    with override_settings(DATABASE_ROUTERS=[ReadsFromAReplica()]), transaction.atomic():
        alice.save()
        assert not socket.closed
    assert (socket.closed, socket.session.closed_reason) == (True, ClosedReason.PASSWORD_CHANGED)


def test_a_message_asks_no_replica_who_speaks(browser, alice):
    socket = browser.connect("/ws/")
    session = socket.session
    with override_settings(DATABASE_ROUTERS=[ReadsFromAReplica()]):
        assert socket.send_json({"action": "refuse"}).status_code == 400
        session.mark_disconnected()
        assert "is closed" in socket.send_json({"action": "refuse"}).content.decode()


def test_a_message_still_costs_1_query(browser, django_assert_num_queries):
    socket = browser.connect("/ws/")
    with django_assert_num_queries(1):
        socket.send_json({"action": "refuse"})


def test_the_database_holds_no_session_key(browser):
    session = browser.connect("/ws/").session
    key = browser.cookies["sessionid"].value
    assert key not in str(vars(session))
    assert len(session.session_key_hash) == 64


def tasks_module():
    try:
        return importlib.import_module("django.tasks")
    except ImportError:
        return pytest.importorskip("django_tasks", reason="needs Django 6, or the backport")


def test_with_djangos_tasks_a_worker_closes_the_sockets(browser, settings):
    tasks = tasks_module()
    settings.WEBSOCKETS = {"BACKGROUND": "tasks", "BACKGROUND_CHUNK": 30, "CONNECTS_PER_USER": None}
    settings.TASKS = {"default": {"BACKEND": f"{tasks.__name__}.backends.dummy.DummyBackend"}}
    sockets = open_50(browser)
    browser.logout()
    # The rows at once, the sockets by two tasks that wait for a worker.
    assert not WebSocketSession.objects.filter(connected=True).exists()
    assert not any(socket.closed for socket in sockets)
    results = tasks.default_task_backend.results
    assert len(results) == 2
    for result in results:
        result.task.func(*result.args)
    assert_closed(sockets, ClosedReason.LOGOUT)


def test_with_celery_a_worker_closes_the_sockets(browser, settings):
    celery = pytest.importorskip("celery")
    settings.WEBSOCKETS = {"BACKGROUND": "celery", "CONNECTS_PER_USER": None}
    sockets = open_50(browser)
    app = celery.Celery(set_as_current=True)
    app.conf.task_always_eager = True
    ran = []
    celery.signals.task_postrun.connect(lambda task, **kwargs: ran.append(task.name), weak=False, dispatch_uid="ran")
    try:
        browser.logout()
    finally:
        celery.signals.task_postrun.disconnect(dispatch_uid="ran")
        app.close()
    assert ran == ["django_aws_api_gateway_websockets.disconnect"]
    assert_closed(sockets, ClosedReason.LOGOUT)


def test_an_engine_that_takes_nothing_lets_no_socket_live(browser, settings, caplog):
    settings.WEBSOCKETS = {"BACKGROUND": "no such engine", "CONNECTS_PER_USER": None}
    sockets = open_50(browser)
    browser.logout()
    assert_closed(sockets, ClosedReason.LOGOUT)
    assert "did not accept the closing of sockets" in caplog.text
