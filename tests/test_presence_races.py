"""Everything is announced once, even if several processes see it at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.urls import path
from django.utils import timezone

from django_aws_api_gateway_websockets.background.work import JOBS
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.models.announced import AnnouncedUser
from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketView

from .listening import listening

THREADS, ROUNDS = 4, 15

pytestmark = [
    pytest.mark.once,
    pytest.mark.urls(__name__),
    pytest.mark.django_db(transaction=True),
]
urlpatterns = [path("ws/<slug:route>", WebSocketView.as_view())]
NAMES = ("session_disconnected", "user_joined", "user_left", "user_online", "user_offline")


@pytest.fixture
def heard():
    """How often each signal was sent."""
    heard, lock = Counter(), threading.Lock()

    def receive(name, sender, **arguments):
        with lock:
            heard[name] += 1

    with listening(NAMES, receive):
        yield heard


@pytest.fixture
def together():
    """``together(act)`` runs ``act`` in all threads at the same moment, and returns the results."""
    with ThreadPoolExecutor(THREADS) as pool:
        barrier = threading.Barrier(THREADS)

        def run(act):
            barrier.wait(timeout=30)
            try:
                return act()
            finally:
                connections.close_all()

        yield lambda act: [one.result(timeout=60) for one in [pool.submit(run, act) for _ in range(THREADS)]]


def test_threads_at_once_announce_each_change_once(alice, settings, heard, together):
    settings.WEBSOCKETS = {"CONNECTS_PER_USER": None, "CONNECTS_PER_IP": None}
    client = GatewayClient()
    client.force_login(alice)
    for number in range(1, ROUNDS + 1):
        together(lambda: client.connect("/ws/", "room"))
        assert (heard["user_joined"], heard["user_online"]) == (number, number)
        together(lambda: WebSocketSession.objects.mark_disconnected("kicked"))
        assert heard["session_disconnected"] == number * THREADS
        AnnouncedUser.objects.update(check_after=timezone.now() - timedelta(seconds=1))
        together(lambda: JOBS["check_presence"]("default"))
        assert (heard["user_left"], heard["user_offline"]) == (number, number)


def test_joins_and_leaves_at_the_same_time_stay_in_balance(alice, settings, heard, together):
    """Without a grace period, all threads connect, leave and check, so each change meets each other one."""
    settings.WEBSOCKETS = {"CONNECTS_PER_USER": None, "CONNECTS_PER_IP": None, "PRESENCE_GRACE": 0}
    client = GatewayClient()
    client.force_login(alice)

    def come_and_go():
        for _ in range(ROUNDS):
            client.connect("/ws/", "room").disconnect()
            JOBS["check_presence"]("default")

    together(come_and_go)
    WebSocketSession.objects.clear_closed()
    assert not AnnouncedUser.objects.exists()
    assert heard["user_joined"] == heard["user_left"] >= 1
    assert heard["user_online"] == heard["user_offline"] >= 1
    assert heard["session_disconnected"] == THREADS * ROUNDS
