"""A message has the same user as a page of the same login: through password changes, and as the backend decides."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import AllowAllUsersModelBackend, ModelBackend
from django.contrib.auth.models import UserManager
from django.db import transaction
from django.test import Client
from django.urls import path

from django_aws_api_gateway_websockets.models import ClosedReason, WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused
from django_aws_api_gateway_websockets.views import WebSocketTokenView
from tests.views import ExampleView, SlowView

BANNED = "banned"


class NoBannedBackend(ModelBackend):
    """Refuses what its own get_user() does not like."""

    def get_user(self, user_id):
        user = super().get_user(user_id)
        return None if user is None or user.first_name == BANNED else user


class ShortNamesBackend(ModelBackend):
    def user_can_authenticate(self, user):
        return super().user_can_authenticate(user) and len(user.username) < 10


class NewObjectBackend(ModelBackend):
    def get_user(self, user_id):
        user = super().get_user(user_id)
        user.loaded_by_backend = True
        return user


class SeeingView(SlowView):
    seen = []

    def default(self, request, *args, **kwargs):
        self.seen.append(request.user)


urlpatterns = [
    path("ws/<slug:route>", ExampleView.as_view()),
    path("slow/<slug:route>", SeeingView.as_view()),
    path("token/", WebSocketTokenView.as_view()),
]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]
OTHER_PASSWORD = {"password": "md5$x$0cc175b9c0f1b6a831c399e269772661"}


@pytest.fixture
def browser(alice, gateway):
    client = GatewayClient()
    client.force_login(alice)
    return client


@pytest.fixture
def hides(monkeypatch):
    """Makes the default manager of the user model hide users whose last name is "deleted"."""

    def hide():
        plain = UserManager.get_queryset

        def get_queryset(manager):
            return plain(manager).exclude(last_name="deleted")

        monkeypatch.setattr(UserManager, "get_queryset", get_queryset)

    return hide


def send(socket):
    """A message that was under way when the socket may have been closed."""
    socket._open_now = True
    return socket.send_json({"action": "refuse"}).status_code


def use_backend(settings, backend):
    settings.AUTHENTICATION_BACKENDS = [f"{backend.__module__}.{backend.__qualname__}"]


# --- What changes while $connect is being answered ----------------------------------------------


def by_save(alice, **values):
    for name, value in values.items():
        setattr(alice, name, value)
    alice.save()


def by_update(alice, **values):
    get_user_model().objects.filter(pk=alice.pk).update(**values)


@pytest.mark.parametrize("write", [by_save, by_update])
@pytest.mark.parametrize("change", [OTHER_PASSWORD, {"is_active": False}, {"last_name": "deleted"}])
def test_a_change_of_the_user_during_connect_refuses_it(browser, alice, hides, write, change):
    hides()
    SeeingView.meanwhile.append(lambda: write(alice, **change))
    with pytest.raises(HandshakeRefused) as refused:
        browser.connect("/slow/", "lobby")
    assert refused.value.status_code == 403
    assert not WebSocketSession.objects.filter(connected=True).exists()


@pytest.mark.parametrize("change", [OTHER_PASSWORD, {"is_active": False}, {"is_active": False, **OTHER_PASSWORD}])
def test_a_transaction_that_ends_after_connect_closes_it(browser, alice, change):
    """The connection is written between the save and the commit, and sees neither."""
    opened = []
    with transaction.atomic():
        by_save(alice, **change)
        # As another process would write it now.
        stale = get_user_model()(pk=alice.pk, username="alice", password="", is_active=True)
        opened.append(WebSocketSession.objects.create(user=stale, connection_id="x=", api_gateway_id=gateway_pk()))
    assert not WebSocketSession.objects.get(connection_id="x=").connected


def gateway_pk():
    from django_aws_api_gateway_websockets.models import ApiGateway

    return ApiGateway.objects.get().pk


def test_a_connect_of_an_unchanged_user_is_accepted(browser, alice):
    SeeingView.meanwhile.append(lambda: by_save(alice, first_name="Alice"))
    assert browser.connect("/slow/", "lobby").session.user == alice


# --- Users whom Django no longer gives ------------------------------------------------------------


@pytest.mark.parametrize("write", [by_save, by_update])
def test_a_user_hidden_by_the_default_manager_may_not_speak(browser, alice, hides, write):
    hides()
    socket = browser.connect("/ws/")
    write(alice, last_name="deleted")
    assert send(socket) == 403
    assert (socket.session.connected, socket.session.closed_reason) == (False, ClosedReason.USER_INACTIVE)


@pytest.mark.parametrize(
    ("backend", "change"),
    [
        (NoBannedBackend, {"first_name": BANNED}),
        (ShortNamesBackend, {"username": "a-rather-long-name"}),
        (ModelBackend, {"is_active": False}),
    ],
)
@pytest.mark.parametrize("write", [by_save, by_update])
def test_a_user_refused_by_the_login_backend_may_not_send(browser, alice, settings, backend, change, write):
    use_backend(settings, backend)
    browser.force_login(alice)
    socket = browser.connect("/ws/")
    assert send(socket) == 400
    write(alice, **change)
    assert send(socket) == 403
    assert not socket.session.connected


@pytest.mark.parametrize("change", [{"first_name": BANNED}, {"username": "a-rather-long-name"}])
def test_only_the_backend_of_the_login_decides(alice, gateway, settings, change):
    strict = [f"{__name__}.NoBannedBackend", f"{__name__}.ShortNamesBackend"]
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", *strict]
    client = GatewayClient()
    client.force_login(alice)
    socket = client.connect("/ws/")
    by_update(alice, **change)
    assert send(socket) == 400


def test_a_backend_that_lets_inactive_users_in_keeps_them(alice, gateway, settings):
    use_backend(settings, AllowAllUsersModelBackend)
    client = GatewayClient()
    client.force_login(alice)
    socket = client.connect("/ws/")
    by_save(alice, is_active=False)
    assert send(socket) == 400
    by_save(alice, **OTHER_PASSWORD)
    assert send(socket) == 403


def test_a_login_ends_with_its_backend(browser, settings):
    socket = browser.connect("/ws/")
    use_backend(settings, NoBannedBackend)
    assert send(socket) == 403


@pytest.mark.parametrize("change", [{"last_name": "deleted"}, {"first_name": BANNED}, {"is_active": False}])
def test_a_token_of_a_user_whom_no_page_would_have_is_refused(alice, gateway, settings, hides, change):
    hides()
    use_backend(settings, NoBannedBackend)
    page = Client()
    page.force_login(alice)
    token = page.post("/token/").json()["token"]
    by_update(alice, **change)
    with pytest.raises(HandshakeRefused) as refused:
        GatewayClient().connect("/ws/", query={"ws_token": token})
    assert refused.value.status_code == 403


def test_a_token_keeps_the_backend_of_its_login(alice, gateway, settings):
    use_backend(settings, NoBannedBackend)
    page = Client()
    page.force_login(alice)
    socket = GatewayClient().connect("/ws/", query={"ws_token": page.post("/token/").json()["token"]})
    by_update(alice, first_name=BANNED)
    assert send(socket) == 403


def test_request_user_is_the_object_that_the_backend_gives(alice, gateway, settings):
    use_backend(settings, NewObjectBackend)
    client = GatewayClient()
    client.force_login(alice)
    SeeingView.seen.clear()
    client.connect("/slow/").send_json({"action": "x"})
    assert [user.loaded_by_backend for user in SeeingView.seen] == [True]


@pytest.mark.parametrize("case", ["plain", "hiding manager", "user_can_authenticate", "all users"])
def test_a_message_costs_one_query_all_the_same(alice, gateway, settings, hides, case, django_assert_num_queries):
    if case == "hiding manager":
        hides()
    elif case == "user_can_authenticate":
        use_backend(settings, ShortNamesBackend)
    elif case == "all users":
        use_backend(settings, AllowAllUsersModelBackend)
    client = GatewayClient()
    client.force_login(alice)
    socket = client.connect("/ws/")
    with django_assert_num_queries(1):
        assert send(socket) == 400


@pytest.mark.parametrize("change", [OTHER_PASSWORD, {"is_active": False}], ids=["password", "inactive"])
def test_a_login_without_session_ends_with_password_or_activity(alice, gateway, settings, change):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.TokenMiddleware"]
    socket = GatewayClient().connect("/ws/", headers={"Authorization": "alice"})
    assert socket.session.user == alice
    assert send(socket) == 400
    by_update(alice, **change)
    assert send(socket) == 403


def TokenMiddleware(get_response):
    def middleware(request):
        if "Authorization" in request.headers:
            request.user = get_user_model().objects.get(username=request.headers["Authorization"])
        return get_response(request)

    return middleware
