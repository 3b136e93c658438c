"""A connect token works once, and only for its user."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core import signing
from django.db import connections
from django.test import AsyncRequestFactory, Client, RequestFactory, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.exceptions import TokenRefused
from django_aws_api_gateway_websockets.logins import tokens
from django_aws_api_gateway_websockets.models import ClosedReason, WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused
from django_aws_api_gateway_websockets.views import WebSocketTokenView
from tests.security.test_limits import KeepingCache
from tests.views import ExampleView


class TokenView(ExampleView):
    require_token = True


class AsyncView(TokenView):
    """Tells whom code that waits and code that does not take for the user, also where it was refused already."""

    seen = []

    def dispatch(self, request, *args, **kwargs):
        self.seen.append((request.user.username, async_to_sync(request.auser)().username))
        return super().dispatch(request, *args, **kwargs)


urlpatterns = [
    path("async/<slug:route>", AsyncView.as_view()),
    path("token/", WebSocketTokenView.as_view()),
    path("ws/<slug:route>", ExampleView.as_view()),
    path("strict/<slug:route>", TokenView.as_view()),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def page(alice):
    client = Client()
    client.force_login(alice)
    return client


def token_of(page):
    return json.loads(page.post("/token/").content)["token"]


def connect_with(token, path="/strict/", client=None):
    return (client or GatewayClient()).connect(path, query={"ws_token": token})


def refused(token, **options):
    with pytest.raises(HandshakeRefused) as error:
        connect_with(token, **options)
    return error.value.status_code


def test_a_token_connects_whoever_asked_for_it(page, alice):
    response = page.post("/token/")
    assert response["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    assert json.loads(response.content)["expires_in"] == 60
    socket = connect_with(json.loads(response.content)["token"])
    assert socket.session.user == alice
    socket.send_json({"action": "unknown"})
    assert socket.receive_json()["user"] == "alice"


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_only_post_gives_tokens(page, method):
    assert getattr(page, method)("/token/").status_code == 405


def test_a_token_takes_a_login_and_the_csrf_token(alice):
    assert Client().post("/token/").status_code == 403
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(alice)
    assert checked.post("/token/").status_code == 403


def test_the_view_checks_csrf_by_itself(alice, settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(alice)
    assert checked.post("/token/").status_code == 403


def test_a_view_that_requires_a_token_takes_no_cookie(alice):
    client = GatewayClient()
    client.force_login(alice)
    with pytest.raises(HandshakeRefused) as error:
        client.connect("/strict/")
    assert error.value.status_code == 403


def test_an_optional_token_wins_over_the_cookie(page, alice, bob):
    client = GatewayClient()
    client.force_login(bob)
    assert connect_with(token_of(page), path="/ws/", client=client).session.user == alice
    # A bad one is no reason to fall back on the cookie.
    assert refused("nonsense", path="/ws/", client=client) == 403


def test_request_auser_is_whoever_the_token_was_made_for(page, bob, monkeypatch):
    monkeypatch.setattr(AsyncView, "seen", [])
    client = GatewayClient()
    client.force_login(bob)
    connect_with(token_of(page), path="/async/", client=client)
    assert refused("nonsense", path="/async/", client=client) == 403
    assert AsyncView.seen == [("alice", "alice"), ("", "")]


def test_a_token_is_used_once(page):
    token = token_of(page)
    connect_with(token)
    assert refused(token) == 403
    assert WebSocketSession.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_exactly_1_of_100_concurrent_token_uses_is_accepted(page):
    token = token_of(page)

    def connect(_):
        try:
            connect_with(token)
            return True
        except HandshakeRefused:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(32) as pool:
        accepted = list(pool.map(connect, range(100)))
    assert (accepted.count(True), WebSocketSession.objects.count()) == (1, 1)


def test_an_expired_token_is_refused(page):
    token = token_of(page)
    with override_settings(WEBSOCKETS={"CONNECT_TOKEN_MAX_AGE": -1}):
        assert [refused(token) for _ in range(3)] == [403] * 3


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: "", lambda t: t[1:], lambda t: t * 2]
)
def test_a_token_that_was_changed_is_refused(page, change):
    assert refused(change(token_of(page))) == 403


def test_a_signature_made_for_something_else_is_refused(alice):
    assert refused(signing.dumps({"user": str(alice.pk), "session": "", "password": "", "nonce": "x"})) == 403


def test_a_token_that_was_made_before_a_new_secret_key_is_good(page, alice, settings):
    tokens_of_before = [token_of(page), token_of(page)]
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        assert connect_with(tokens_of_before[0]).session.user == alice
        get_user_model().objects.filter(pk=alice.pk).update(password="md5$x$0cc175b9c0f1b6a831c399e269772661")
        assert refused(tokens_of_before[1]) == 403


@pytest.mark.parametrize("engine", ["db", "cache", "signed_cookies"])
def test_after_the_logout_the_token_is_worth_nothing(alice, bob, settings, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    page, other = Client(), Client()
    page.force_login(alice)
    other.force_login(bob)
    token, others = token_of(page), token_of(other)
    page.logout()
    assert refused(token) == 403
    assert connect_with(others).session.user == bob
    page.force_login(alice)
    assert connect_with(token_of(page)).session.user == alice


def test_after_the_end_of_the_session_the_token_is_worth_nothing(page):
    token = token_of(page)
    page.session.flush()
    assert refused(token) == 403


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "md5$x$0cc175b9c0f1b6a831c399e269772661"}])
def test_deactivation_or_a_password_change_voids_the_token(page, alice, change):
    token = token_of(page)
    get_user_model().objects.filter(pk=alice.pk).update(**change)
    assert refused(token) == 403


def test_deleting_the_user_voids_the_token(page, alice):
    token = token_of(page)
    alice.delete()
    assert refused(token) == 403


@pytest.mark.django_db(transaction=True)
def test_the_logout_of_the_session_that_asked_closes_the_socket(page):
    socket = connect_with(token_of(page))
    page.logout()
    assert (socket.closed, socket.session.closed_reason) == (True, ClosedReason.LOGOUT)


def test_a_cache_that_keeps_nothing_gives_no_second_use_away(page):
    token = token_of(page)
    dummy = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    with override_settings(CACHES=dummy), pytest.raises(TokenRefused):
        tokens.redeem_token(token)


def test_a_hostile_page_cannot_use_a_token_of_its_own(page):
    with pytest.raises(HandshakeRefused):
        GatewayClient().connect(
            "/strict/", query={"ws_token": token_of(page)}, headers={"Origin": "https://evil.example"}
        )


def test_a_token_tells_nothing(page, alice):
    content = signing.loads(token_of(page), salt=tokens._SALT)
    assert set(content) == {"user", "session", "password", "issued", "nonce"}
    assert page.session.session_key not in str(content)
    assert alice.get_session_auth_hash() not in str(content)


@pytest.mark.parametrize("ahead", [6, 8, 3600])
def test_a_token_from_the_future_is_refused(page, ahead, monkeypatch):
    token = token_at(page, time.time() + ahead, monkeypatch)
    assert [refused(token) for _ in range(4)] == [403] * 4


@pytest.mark.parametrize("ahead", [-30, 0, 1, 4])
def test_a_token_of_a_clock_nearby_works_once(page, ahead, monkeypatch):
    token = token_at(page, time.time() + ahead, monkeypatch)
    connect_with(token)
    assert refused(token) == 403


@pytest.mark.parametrize("age", [-4, 0, 30, 59])
def test_a_used_token_is_remembered_until_it_expires(settings, age):
    settings.CACHES = {"default": {"BACKEND": "tests.security.test_limits.KeepingCache"}}
    KeepingCache.timeouts.clear()
    assert tokens._use_up("nonce", age)
    assert KeepingCache.timeouts == [60 - age + 2 * tokens.CLOCK_TOLERANCE + 1]


def token_at(page, moment, monkeypatch):
    """A token of a machine whose clock shows ``moment``."""
    clock = type("Clock", (), {"time": staticmethod(lambda: moment)})
    with monkeypatch.context() as patched:
        patched.setattr(tokens, "time", clock)
        patched.setattr(signing, "time", clock)
        return token_of(page)


@pytest.mark.parametrize("name", ["ws_token", "ws%5Ftoken", "%77s_token"])
@pytest.mark.parametrize("made", [RequestFactory, AsyncRequestFactory])
def test_a_token_is_taken_out_of_its_request(made, name):
    request = made().post(f"/ws/connect?a=%C3%BC&{name}=planted-1&channel=x&{name}=planted-2")
    request.META["RAW_URI"] = request.META["REQUEST_URI"] = request.get_full_path()
    assert tokens.take_token(request) == "planted-2"
    assert request.GET.dict() == {"a": "ü", "channel": "x"}
    text = f"{request!r} {request.META} {request.build_absolute_uri()}"
    assert "planted" not in text
    assert text.count("a=%C3%BC&channel=x") == 5
    assert tokens.take_token(request) is None


def test_a_refused_origin_does_not_show_the_token(page):
    with pytest.raises(HandshakeRefused) as refused:
        GatewayClient().connect("/strict/", query={"ws_token": "planted"}, headers={"Origin": "https://evil.example"})
    assert "planted" not in repr(refused.value.response.wsgi_request)
