"""`WebSocketCheckView` says what `$connect` would say, to pages of the site, and nothing more."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpResponse, HttpResponseForbidden, JsonResponse
from django.test import Client, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused
from django_aws_api_gateway_websockets.views import (
    Channel,
    WebSocketCheckView,
    WebSocketTokenView,
    WebSocketView,
    handler,
)

OWN = "https://testserver"
after_super = []


class RoomView(WebSocketView):
    channel_rules = [
        Channel("lobby"),
        Channel("members", login_required=True),
        Channel("staff", staff=True),
    ]


class OwnConnectView(WebSocketView):
    def connect(self, request, *args, **kwargs):
        answers = {
            "json": JsonResponse({"message": "The room is full."}, status=409),
            "long json": JsonResponse({"message": "x" * 201}, status=403),
            "json with markup": JsonResponse({"message": "<b>No</b>"}, status=403),
            "text": HttpResponseForbidden("Log in first."),
            "html": HttpResponse("<h1>Payment required</h1>", status=402),
            "deep": HttpResponseForbidden('{"message": ' + "[" * 50_000),
            "pause": HttpResponse("Later.", status=503, headers={"Retry-After": "7"}),
        }
        channel = self.get_channel_name(request)
        if channel == "denied":
            raise PermissionDenied("Members only.")
        if channel in answers:
            return answers[channel]
        ApiGateway.objects.create(api_name="written before the row")
        response = super().connect(request, *args, **kwargs)
        after_super.append(self.websocket_session.connection_id)
        return response


class AsyncView(WebSocketView):
    async def connect(self, request, *args, **kwargs):
        return HttpResponseForbidden("Not today.")


class MembersView(WebSocketView):
    @handler(permission_required="auth.change_group")
    def connect(self, request, *args, **kwargs):
        return super().connect(request, *args, **kwargs)


class MixinView(LoginRequiredMixin, WebSocketView):
    pass


class TokenView(WebSocketView):
    require_token = True


EXAMPLE = runpy.run_path(str(Path(__file__).resolve().parents[2] / "docs/examples/check_urls.py"))
VIEWS = {"room": RoomView, "own": OwnConnectView, "async": AsyncView, "members": MembersView, "token": TokenView}
VIEWS["mixin"] = MixinView
urlpatterns = [
    *(path(f"{name}/<slug:route>", view.as_view()) for name, view in VIEWS.items()),
    *(path(f"check/{name}/", WebSocketCheckView.as_view(socket_view=view)) for name, view in VIEWS.items()),
    path("check/named/", WebSocketCheckView.as_view(socket_view=RoomView, gateway="chat")),
    path("ws-token/", WebSocketTokenView.as_view()),
    *EXAMPLE["urlpatterns"],
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def _gateway(gateway):
    after_super.clear()


def ask(name="room", channel=None, user=None, client=None, **headers):
    client = client or Client()
    if user is not None:
        client.force_login(user)
    headers = headers or {"sec-fetch-site": "same-origin"}
    query = {"channel": channel} if channel else {}
    extra = {f"HTTP_{key.upper().replace('-', '_')}": value for key, value in headers.items()}
    return client.get(f"/check/{name}/", query, secure=True, **extra)


def answer(response):
    return response.status_code, json.loads(response.content)


def status_of_connect(name, channel, user=None):
    client = GatewayClient()
    if user is not None:
        client.force_login(user)
    try:
        return client.connect(f"/{name}/", channel).response.status_code
    except HandshakeRefused as refused:
        return refused.status_code


def test_a_mixin_of_the_view_refuses_the_check_too(alice):
    assert ask("mixin").status_code == status_of_connect("mixin", None) == 403
    assert ask("mixin", user=alice).status_code == status_of_connect("mixin", None, alice) == 200


def test_a_page_that_may_connect_gets_the_window_and_no_row(alice):
    response = ask(channel="lobby", user=alice)
    assert answer(response) == (200, {"window": 0.5})
    assert "no-store" in response["Cache-Control"]
    assert not WebSocketSession.objects.exists()


@pytest.mark.parametrize("channel", ["lobby", "members", "staff", "unknown", "x" * 256, "a\nb"])
@pytest.mark.parametrize("logged_in", [False, True])
def test_it_says_what_connect_would_say(alice, channel, logged_in):
    user = alice if logged_in else None
    assert ask(channel=channel, user=user).status_code == status_of_connect("room", channel, user)


def test_it_says_why(alice):
    assert answer(ask(channel="staff", user=alice)) == (403, {"message": "You may not join the channel 'staff'."})


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("json", (403, {"message": "The room is full."})),
        ("long json", (403, {"message": "Forbidden"})),
        ("json with markup", (403, {"message": "Forbidden"})),
        ("text", (403, {"message": "Log in first."})),
        ("html", (402, {"message": "Payment Required"})),
        ("denied", (403, {"message": "Members only."})),
        ("pause", (503, {"message": "Later."})),
        ("deep", (403, {"message": "Forbidden"})),
        ("open", (200, {"window": 0.5})),
    ],
)
def test_connect_of_the_project_runs_up_to_the_row(channel, expected):
    response = ask("own", channel)
    assert answer(response) == expected
    assert response.get("Retry-After") == ("7" if channel == "pause" else None)
    assert after_super == []
    assert ApiGateway.objects.count() == 1


def test_an_async_connect_is_asked_too():
    assert answer(ask("async")) == (403, {"message": "Not today."})


def test_a_permission_on_connect_counts(alice):
    assert ask("members", user=alice).status_code == 403
    alice.user_permissions.add(Permission.objects.get(codename="change_group"))
    assert ask("members", user=alice).status_code == 200


def test_the_login_stands_for_the_token(alice):
    assert answer(ask("token")) == (403, {"message": "Log in first."})
    assert ask("token", user=alice).status_code == 200


def test_the_token_answer_has_the_window(alice):
    client = Client()
    client.force_login(alice)
    assert json.loads(client.post("/ws-token/").content)["window"] == 0.5


def test_the_default_channel_of_the_gateway_counts():
    ApiGateway.objects.update(default_channel_name="staff")
    assert [ask(name).status_code for name in ("room", "named")] == [403, 403]
    ApiGateway.objects.create(api_name="other", api_id="z9", api_created=True)
    assert ask("named").status_code == 403
    # Nobody knows which of the two it would be.
    with pytest.raises(ImproperlyConfigured, match=r"/check/room/ does not know .* Pass the name of one"):
        ask("room")
    # A channel in the query needs no default, and without default channels nothing is missing.
    assert ask("room", "lobby").status_code == 200
    ApiGateway.objects.update(default_channel_name="")
    assert ask("room").status_code == 200


def test_a_gateway_name_without_a_gateway_is_an_error():
    ApiGateway.objects.update(default_channel_name="staff", api_name="renamed")
    with pytest.raises(ImproperlyConfigured, match=r"gateway='chat', .* Gateways with an API: 'renamed'"):
        ask("named")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site", "referer": f"{OWN}/"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"referer": "https://evil.example/page"},
    ],
)
def test_a_page_of_another_site_learns_nothing(alice, headers):
    answers = {answer(ask(channel=channel, user=alice, **headers))[0] for channel in ("lobby", "staff")}
    assert answers == {403}


@pytest.mark.parametrize(
    "headers", [{"origin": OWN}, {"sec-fetch-site": "same-origin"}, {"referer": f"{OWN}/rooms/lobby/"}]
)
def test_a_page_of_the_site_is_known_by_each_header(alice, headers):
    assert ask(channel="lobby", user=alice, **headers).status_code == 200
    assert ask(channel="staff", user=alice, **headers).status_code == 403


def test_whoever_hides_the_page_is_told_to_try_again(alice):
    assert answer(ask(channel="staff", user=alice, accept="*/*")) == (200, {"window": 0.5})


@override_settings(WEBSOCKETS={"CONNECTS_PER_USER": "3/3600s"})
def test_asking_counts_as_connecting_does(alice):
    client = Client()
    client.force_login(alice)
    assert [ask(client=client).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert 0 < int(ask(client=client)["Retry-After"]) <= 3600
    with pytest.raises(HandshakeRefused) as refused:
        connecting = GatewayClient()
        connecting.cookies.update(client.cookies)
        connecting.connect("/room/", "lobby")
    assert refused.value.status_code == 429
    assert "Retry-After" in refused.value.response


@override_settings(WEBSOCKETS={"CONNECTS_PER_IP": "3/3600s"})
@pytest.mark.parametrize("channel", ["lobby", "staff"])
def test_nobody_tries_out_channels_faster_than_by_connecting(channel):
    assert [ask(channel=channel).status_code for _ in range(4)][-1] == 429
    assert ask(channel=channel, origin="https://evil.example").status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_only_get_is_taken(method):
    assert getattr(Client(), method)("/check/room/", secure=True).status_code == 405


def test_the_example_tells_a_visitor_to_log_in(alice):
    client, question = Client(HTTP_SEC_FETCH_SITE="same-origin"), "/ws-check/?channel=members"
    assert client.get(question).status_code == 403
    client.force_login(alice)
    assert client.get(question).status_code == 200
