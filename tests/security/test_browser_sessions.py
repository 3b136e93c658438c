"""A connection belongs to the browser session it was opened in, with every session engine."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.sessions.backends import cache, db, signed_cookies
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketTokenView
from tests.views import ExampleView


def cycle(request):
    """A page that gives the session another key, as sites do when a user gets more rights."""
    request.session.cycle_key()
    return HttpResponse()


urlpatterns = [
    path("admin/", admin.site.urls),
    path("cycle/", cycle),
    path("token/", WebSocketTokenView.as_view()),
    path("ws/<slug:route>", ExampleView.as_view()),
]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]

BUILT_IN = [
    f"django.contrib.sessions.backends.{name}" for name in ("db", "cached_db", "cache", "file", "signed_cookies")
]
OWN = [f"tests.security.session_engines.{name}" for name in ("own_cookies", "own_cache", "own_db")]


@pytest.fixture(params=[*BUILT_IN, *OWN], ids=lambda engine: engine.rpartition(".")[2])
def engine(request, settings, tmp_path):
    settings.SESSION_ENGINE = request.param
    settings.SESSION_FILE_PATH = str(tmp_path)
    settings.SESSION_CACHE_ALIAS = "default"
    return request.param


@pytest.fixture
def people(make_user, gateway):
    return [make_user(name, is_staff=True) for name in ("ann", "ben")]


class Browser:
    """A browser: pages and sockets share its cookies."""

    def __init__(self):
        self.page, self.sockets = Client(), GatewayClient()
        self.sockets._browser.cookies = self.page.cookies

    def login(self, user):
        response = self.page.post("/admin/login/?next=/cycle/", {"username": user.get_username(), "password": "secret"})
        assert response.status_code == 302

    def logout(self):
        assert self.page.post("/admin/logout/").status_code == 200


def test_a_logout_after_another_session_key_closes_the_socket(engine, people):
    browser, elsewhere = Browser(), Browser()
    browser.login(people[0])
    elsewhere.login(people[0])
    kept = elsewhere.sockets.connect("/ws/")
    before = browser.sockets.connect("/ws/")
    browser.page.get("/cycle/")
    after = browser.sockets.connect("/ws/")
    browser.logout()
    assert [before.closed, after.closed, kept.closed] == [True, True, False]


def test_a_switch_of_user_closes_the_sockets_of_the_one_before(engine, people):
    browser, elsewhere = Browser(), Browser()
    browser.login(people[0])
    elsewhere.login(people[0])
    kept = elsewhere.sockets.connect("/ws/")
    first = browser.sockets.connect("/ws/")
    browser.login(people[1])
    second = browser.sockets.connect("/ws/")
    assert second.session.user == people[1]
    assert [first.closed, second.closed, kept.closed] == [True, False, False]
    browser.login(people[0])
    assert [second.closed, kept.closed] == [True, False]


def test_a_switch_of_user_after_another_session_key(engine, people):
    browser = Browser()
    browser.login(people[0])
    browser.page.get("/cycle/")
    first = browser.sockets.connect("/ws/")
    browser.login(people[1])
    assert first.closed


def test_a_token_dies_with_its_session(engine, people):
    browser = Browser()
    browser.login(people[0])
    tokens = [browser.page.post("/token/").json()["token"] for _ in range(2)]
    browser.page.get("/cycle/")
    socket = GatewayClient().connect("/ws/", query={"ws_token": tokens[0]}) if "db" not in engine else None
    browser.logout()
    assert socket is None or socket.closed
    with pytest.raises(AssertionError, match="has ended"):
        GatewayClient().connect("/ws/", query={"ws_token": tokens[1]})


@pytest.mark.parametrize("close", [True, False])
def test_database_sessions_whose_deletion_is_not_heard(people, close, settings):
    settings.WEBSOCKETS = {"CLOSE_ON_SESSION_DELETE": close}
    browser = Browser()
    browser.login(people[0])
    first = browser.sockets.connect("/ws/")
    browser.page.get("/cycle/")
    assert first.closed == close
    second = browser.sockets.connect("/ws/")
    browser.login(people[1])
    assert [first.closed, second.closed] == [close or first.closed, True]


# An engine with a row for each session hears of the deletion, and needs no id of ours.
@pytest.mark.parametrize("engine", [one for one in (*BUILT_IN, *OWN) if "db" not in one], indirect=True)
def test_a_login_from_before_the_package_ends_with_any_logout(engine, people):
    browser = Browser()
    browser.login(people[0])
    session = browser.page.session
    del session["_websockets_id"]
    session.save()
    browser.page.cookies["sessionid"] = session.session_key
    socket = browser.sockets.connect("/ws/")
    assert socket.session.session_key_hash == ""
    browser.logout()
    assert socket.closed


def test_a_cache_that_fails_stops_no_login(people, settings, caplog):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.file"
    browser = Browser()
    browser.login(people[0])
    with override_settings(CACHES={"default": {"BACKEND": "tests.security.test_limits.BrokenCache"}}):
        browser.sockets.connect("/ws/")
        browser.login(people[1])
    assert "The browser of a connection was not remembered, because the cache 'default' failed" in caplog.text
    assert "The previous login was not looked up, because the cache 'default' failed" in caplog.text


def test_rows_keep_neither_key_nor_id(engine, people):
    browser = Browser()
    browser.login(people[0])
    socket = browser.sockets.connect("/ws/")
    values = str(vars(WebSocketSession.objects.get(connection_id=socket.connection_id)))
    assert browser.page.cookies["sessionid"].value not in values
    assert str(browser.page.session.get("_websockets_id")) not in values.replace("None", "")


def test_the_engines_are_what_their_names_say():
    from tests.security.session_engines import own_cache, own_cookies, own_db

    assert issubclass(own_cookies.SessionStore, signed_cookies.SessionStore)
    assert issubclass(own_cache.SessionStore, cache.SessionStore)
    assert issubclass(own_db.SessionStore, db.SessionStore)
