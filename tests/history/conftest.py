from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib import admin
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import connections
from django.http import HttpResponseForbidden
from django.urls import path

from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketHistoryView, WebSocketView

LIMITS = {"size": 100}


class RoomsView(WebSocketView):
    @staticmethod
    def allowed(channel_name):
        return channel_name != "room-staff"

    def can_join(self, request, channel_name):
        return self.allowed(channel_name)


class MixinView(LoginRequiredMixin, WebSocketView):
    pass


class OwnConnectView(WebSocketView):
    def connect(self, request, *args, **kwargs):
        if not request.user.is_authenticated:
            return HttpResponseForbidden("Log in first.")
        return super().connect(request, *args, **kwargs)


class TokenView(WebSocketView):
    require_token = True


MEMBERS_ONLY = {"mixin": MixinView, "own-connect": OwnConnectView, "token": TokenView}


def in_a_thread(*work):
    """Run functions at once, each in a thread with a database connection of its own. Return what they return."""

    def run(one):
        try:
            return one()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(work)) as threads:
        return [future.result() for future in [threads.submit(run, one) for one in work]]


urlpatterns = [
    path("admin/", admin.site.urls),
    path("ws/<slug:route>", RoomsView.as_view()),
    path("ws-history/", WebSocketHistoryView.as_view(socket_view=RoomsView)),
    *(path(f"{name}/", WebSocketHistoryView.as_view(socket_view=view)) for name, view in MEMBERS_ONLY.items()),
]


@pytest.fixture(autouse=True)
def _history(settings):
    settings.ROOT_URLCONF = __name__
    settings.WEBSOCKETS = {"HISTORY": {"room-*": LIMITS}}
    allowed = RoomsView.allowed
    yield
    RoomsView.allowed = staticmethod(allowed)


@pytest.fixture
def enter(db):
    """Open a socket as ``user``, which joins no channel."""

    def enter(user=None):
        client = GatewayClient()
        if user is not None:
            client.force_login(user)
        return client.connect("/ws/")

    return enter


@pytest.fixture
def join():
    """Join channels as the client does. Return the reply's envelope and the frames after it, by channel."""

    def join(socket, **since):
        since = {name.replace("_", "-"): at for name, at in since.items()}
        message = {"action": "_ws", "_ws": {"id": f"join-{len(since)}-{next(numbers)}", "join": since}}
        assert socket.send_json(message).status_code == 200
        reply, *frames = (frame["_ws"] for frame in socket.receive_all())
        return reply, {frame["channel"]: frame for frame in frames}

    numbers = iter(range(1_000_000))
    return join
