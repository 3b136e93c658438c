"""GatewaySocket in Chromium for a long time: hand-overs, drops, a network that goes, tabs that freeze and close.

The numbers are small enough for every run. ``ENDURANCE=1`` runs the full ones.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections import Counter
from statistics import median

import pytest
from django.http import HttpResponse
from django.urls import path

from django_aws_api_gateway_websockets.history import publish
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.views import WebSocketView

from .test_gateway_socket import (  # noqa: F401  fixtures
    ask,
    events,
    local,
    opened,
    page_script,
    row,
    visit,
    wait_for_state,
    wait_until,
    window,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FULL = bool(os.environ.get("ENDURANCE"))
HAND_OVERS, MESSAGES = (200, 10_000) if FULL else (20, 1_000)
DROPS, REQUESTS = (50, 1_000) if FULL else (10, 200)
TABS, LOSSES = (20, 20) if FULL else (6, 4)
#: Seconds until another tab leads. A busy machine takes longer.
TAKEOVER = 1 if FULL else 4


#: The requests that the site handles at once.
WORKERS = threading.BoundedSemaphore(8)


class TrafficView(WebSocketView):
    notes: list = []
    runs: list = []

    def note(self, request, *args, **kwargs):
        self.notes.append(self.body["n"])

    def ask(self, request, *args, **kwargs):
        self.runs.append(self.body["question"])
        self.reply({"answer": self.body["question"] * 2})

    def say(self, request, *args, **kwargs):
        self.websocket_session.send_message({"type": "said", "text": self.body["text"]})


def with_workers(view):
    def answer(request, *args, **kwargs):
        with WORKERS:
            return view(request, *args, **kwargs)

    answer.csrf_exempt = True
    return answer


def bare_page(request):
    return HttpResponse('<!doctype html><body><script type="module" src="/page.js"></script></body>')


urlpatterns = [
    path("ws/<slug:route>", with_workers(TrafficView.as_view(require_origin=False))),
    path("page/", bare_page),
    path("page.js", page_script),
]


@pytest.fixture
def idle_workers(transactional_db):
    """Wait for the site's threads after the gateway has stopped. Otherwise, they deadlock with the flush of tables."""
    yield
    count = WORKERS._initial_value
    assert all(WORKERS.acquire(timeout=30) for _ in range(count))
    WORKERS.release(count)


@pytest.fixture(autouse=True)
def own_urls(idle_workers, row, settings):  # noqa: F811
    settings.ROOT_URLCONF = __name__
    # These pages say more than any page of a site.
    no_limits = {"MESSAGES_PER_CONNECTION": None, "CONNECTS_PER_IP": None, "CONNECTS_PER_USER": None}
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, **no_limits}
    TrafficView.notes.clear()
    TrafficView.runs.clear()


class Wire(threading.Thread):
    """A TCP proxy in front of the gateway. Its connections can be cut, or stay open while nothing goes through."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs = []
        self.goes_through = threading.Event()
        self.goes_through.set()
        self.start()

    def run(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._pairs.append((near, far))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, source, target):
        try:
            while data := source.recv(65536):
                self.goes_through.wait()
                target.sendall(data)
        except OSError:
            pass
        self._close(source, target)

    def _close(self, *sockets):
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def cut(self):
        """Cut all connections. Return how many there were."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            self._close(*pair)
        return len(pairs)

    def stop(self):
        self.goes_through.set()
        self._listener.close()
        self.cut()


@pytest.fixture
def wire(local):  # noqa: F811
    wire = Wire(local.port)
    yield wire
    wire.stop()


def note(text):
    """Show the measured numbers with ``pytest -s``."""
    sys.stdout.write(f"\n{text}\n")


def doubled(numbers):
    return {number: times for number, times in Counter(numbers).items() if times > 1}


def test_hand_overs_under_traffic_lose_and_repeat_no_message(window, row, local):  # noqa: F811
    local.stop()
    local.start("--max-connection-age", "30")
    window.run("events.length = 0")
    window.run("start(arguments[0] + '?channel=room', {handover: 1, beat: 0.5})", row.websocket_url)
    wait_for_state(window, "open")
    window.run(
        "let n = 0; window.answers = [];"
        "window.traffic = setInterval(() => {"
        "  if (n >= arguments[0]) return clearInterval(traffic);"
        # As many as the machine handles.
        "  if (n / 10 - answers.length > 4) return;"
        "  if (n % 10) socket.send({action: 'note', n});"
        "  else socket.request('ask', {question: n}).then(({answer}) => answers.push(answer / 2));"
        "  n++;"
        "}, arguments[1])",
        MESSAGES,
        20,
    )
    room, sent = WebSocketSession.objects.filter(channel_name="room"), 0
    while sent < MESSAGES or moved() < HAND_OVERS:
        with WORKERS:
            report = room.send_message({"n": sent})
        assert len(report.sent) == 1, report
        sent += 1
        time.sleep(0.015)
    asked = list(range(0, MESSAGES, 10))
    wait_until(lambda: len(TrafficView.notes) + len(TrafficView.runs) >= MESSAGES, 300)
    wait_until(lambda: len(events(window, "message")) >= sent)
    wait_until(lambda: sorted(window.run("return answers")) == asked)
    got = [message["n"] for (message,) in events(window, "message")]
    assert (doubled(got), sorted(got)) == ({}, list(range(sent)))
    assert sorted(TrafficView.runs) == asked
    assert sorted(TrafficView.notes) == [n for n in range(MESSAGES) if n % 10]
    assert events(window, "close") == []
    assert events(window, "state") == [["open"]]
    assert moved() >= HAND_OVERS
    note(f"{moved()} hand-overs, {sent} pushes, {MESSAGES} messages")


def moved():
    with WORKERS:
        return WebSocketSession.objects.filter(closed_reason="moved").count()


def test_requests_during_drops_run_once_and_are_answered_once(window, row, wire, local):  # noqa: F811
    url = row.websocket_url.replace(f":{local.port}", f":{wire.port}")
    window.run("start(arguments[0], {window: 0.05})", url)
    wait_for_state(window, "open")
    window.run(
        "let n = 0; window.answers = []; window.failures = [];"
        "window.traffic = setInterval(() => {"
        "  if (n >= arguments[0]) return clearInterval(traffic);"
        "  if (n - answers.length > 40) return;"
        "  const question = n++;"
        "  const [done, failed] = [({answer}) => answers.push(answer / 2), ({message}) => failures.push(message)];"
        "  socket.request('ask', {question}).then(done, failed);"
        "}, 20)",
        REQUESTS,
    )
    drops = 0
    while drops < DROPS:
        time.sleep(REQUESTS * 0.02 / DROPS / 2)
        wait_for_state(window, "open")
        drops += wire.cut() > 0
        wait_for_state(window, "waiting", "connecting")
        # Do not wait for the backoff, which grows with each drop.
        window.run("dispatchEvent(new Event('online'))")
    wait_until(lambda: len(window.run("return answers")) >= REQUESTS, 120)
    numbers = list(range(REQUESTS))
    assert sorted(TrafficView.runs) == numbers
    assert sorted(window.run("return answers")) == numbers
    assert window.run("return failures") == []
    assert len(events(window, "close")) >= DROPS
    note(f"{drops} drops, {len(TrafficView.runs)} runs of {REQUESTS} requests")


def test_the_network_goes_and_comes_back(window, row, wire, local):  # noqa: F811
    window.run("start(arguments[0])", row.websocket_url.replace(f":{local.port}", f":{wire.port}"))
    wait_for_state(window, "open")
    # Chromium's own switch fires `offline` and refuses new connections. It leaves open ones alone.
    wire.goes_through.clear()
    set_online(window, False)
    wait_until(lambda: window.run("return socket.state") in ("waiting", "connecting"), 10)
    assert window.run("return socket.send({action: 'say', text: 'kept'})") is False
    ask(window, 21)
    wire.goes_through.set()
    set_online(window, True)
    wait_for_state(window, "open")
    wait_until(lambda: window.run("return answers") == [42] and events(window, "message"))
    assert events(window, "message") == [[{"type": "said", "text": "kept"}]]
    assert TrafficView.runs == [21]


def set_online(window, online):  # noqa: F811
    conditions = {"offline": not online, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    window.cdp("Network.enable", {})
    window.cdp("Network.emulateNetworkConditions", conditions)


def test_a_frozen_tab_comes_back_after_the_idle_limit(window, row, local):  # noqa: F811
    local.stop()
    local.start("--idle-timeout", "1")
    opened(window, row, beat=0.4)
    window.cdp("Page.setWebLifecycleState", {"state": "frozen"})
    wait_until(lambda: not WebSocketSession.objects.filter(connected=True).exists())
    time.sleep(2)
    window.cdp("Page.setWebLifecycleState", {"state": "active"})
    wait_for_state(window, "open")
    ask(window, 21)
    wait_until(lambda: window.run("return answers") == [42])
    assert WebSocketSession.objects.count() == 2


@pytest.mark.parametrize("end", ["close_tab", "kill_tab"])
def test_another_tab_leads_when_the_leader_ends(window, row, live_server, settings, end):  # noqa: F811
    settings.WEBSOCKETS = {**settings.WEBSOCKETS, "HISTORY": {"log": {"size": 10_000}}}
    tabs = [join_log(window, row, window.tab)]
    took, published = [], 0
    for number in range(TABS - 1 + LOSSES):
        tabs.append(join_log(visit_in_tab(window, live_server), row, window.tab))
        if number < TABS - 1:
            continue
        assert WebSocketSession.objects.filter(connected=True).count() == 1
        before = WebSocketSession.objects.count()
        # The tabs are in the order in which they asked for the lock.
        ended_at = time.monotonic()
        getattr(window, end)(tabs.pop(0))
        while WebSocketSession.objects.count() == before:
            published = publish_next(published)
        took.append(time.monotonic() - ended_at)
        window.switch_to(tabs[0])
        wait_for_state(window, "open")
        published = publish_next(published)
    assert max(took) < TAKEOVER, took
    wait_until(lambda: WebSocketSession.objects.filter(connected=True).count() == 1)
    missed = 0
    for tab in tabs:
        window.switch_to(tab)
        wait_until(lambda: (window.run("return got") or [[0]])[-1][0] == published)
        numbers = [number for number, _ in window.run("return got")]
        assert numbers == list(range(numbers[0], published + 1))
        missed = max(missed, sum(was_missed for _, was_missed in window.run("return got")))
    ask(window, 21)
    wait_until(lambda: window.run("return answers") == [42])
    note(
        f"{end}: {TABS} tabs, {len(took)} new leaders within {max(took):.2f} s, median {median(took):.2f} s; "
        f"{published} messages, a tab recovered up to {missed} of them"
    )


def visit_in_tab(window, live_server):  # noqa: F811
    window.switch_to(window.new_tab())
    return visit(window, live_server)


def join_log(window, row, tab):  # noqa: F811
    opened(window, row, share="chat")
    window.run(
        "window.got = []; window.joined = false;"
        "socket.on('numbered', ({n}, {missed}) => got.push([n, missed]));"
        "socket.join('log').then(() => (joined = true))"
    )
    wait_until(lambda: window.run("return joined"))
    return tab


def publish_next(published):
    with WORKERS:
        publish("log", {"type": "numbered", "n": published + 1})
    time.sleep(0.03)
    return published + 1
