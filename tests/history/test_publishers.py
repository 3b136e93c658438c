"""Many publishers at once, and workers that are killed between the commit and the numbering.

By default, few messages are published. ``ENDURANCE=1`` publishes more.
"""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction

from django_aws_api_gateway_websockets.history import publish
from django_aws_api_gateway_websockets.models import HistoryMessage, WaitingMessage

from .conftest import in_a_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

FULL = bool(os.environ.get("ENDURANCE"))
PUBLISHERS, EACH = 100, 20 if FULL else 3
#: Database servers accept about 100 connections.
CONNECTIONS = threading.BoundedSemaphore(8 if connection.vendor == "sqlite" else 40)
ROOT = Path(__file__).resolve().parents[2]


class Rollback(Exception):
    pass


def clean_up():
    call_command("clearWebSocketSessions", stdout=io.StringIO())


class Publisher:
    """Publishes inside and outside of transactions, and rolls some of them back."""

    def __init__(self, number, channels):
        self.chance = random.Random(number)
        self.number, self.channels = number, channels
        self.published = []

    def run(self):
        for index in range(EACH):
            with CONNECTIONS:
                try:
                    self.say(f"{self.number}-{index}")
                except Rollback:
                    pass
                finally:
                    connections.close_all()

    def say(self, text):
        # If publish() locked channels inside transactions, two channels in random order would cause deadlocks.
        names = [f"room-{self.chance.randrange(self.channels)}" for _ in range(2)]
        way = self.chance.choice(["alone", "transaction", "rollback"])
        if way == "alone":
            publish(names[0], {"n": text})
            self.published.append((names[0], text))
            return
        with transaction.atomic():
            for name in names:
                publish(name, {"n": text})
            if way == "rollback":
                raise Rollback
        self.published += [(name, text) for name in names]


class Checker(threading.Thread):
    """Reads all histories again and again. Each history must have no hole, and begin with what it had before."""

    def __init__(self):
        super().__init__()
        self.done, self.looks, self.wrong = threading.Event(), 0, []
        self.seen = {}

    def run(self):
        while not self.done.wait(0.02):
            self.look()
        self.look()
        connections.close_all()

    def look(self):
        found = {}
        rows = HistoryMessage.objects.order_by("history", "offset")
        for name, offset, body in rows.values_list("history__channel_name", "offset", "body"):
            found.setdefault(name, []).append(json.loads(body)["n"])
            if offset != len(found[name]):
                self.wrong.append(f"{name}: {offset} is at place {len(found[name])}")
        for name, before in self.seen.items():
            if found.get(name, [])[: len(before)] != before:
                self.wrong.append(f"{name}: {before} became {found.get(name)}")
        self.seen, self.looks = found, self.looks + 1


@pytest.mark.parametrize("channels", [1, 100])
def test_a_hundred_publishers_leave_no_hole(settings, channels):
    settings.WEBSOCKETS = {"HISTORY": {"room-*": {"size": 100_000}}}
    publishers = [Publisher(number, channels) for number in range(PUBLISHERS)]
    checker, began = Checker(), time.monotonic()
    checker.start()
    try:
        in_a_thread(*(one.run for one in publishers))
        took = time.monotonic() - began
        in_a_thread(clean_up)
    finally:
        checker.done.set()
        checker.join()
    published = Counter(pair for one in publishers for pair in one.published)
    stored = Counter((name, text) for name, texts in checker.seen.items() for text in texts)
    assert (checker.wrong, stored) == ([], published)
    assert in_a_thread(WaitingMessage.objects.count) == [0]
    assert checker.looks > 2
    total = sum(published.values())
    sys.stdout.write(f"\n{total} messages in {channels} channels, {took:.1f} s, {checker.looks} looks\n")


def test_workers_killed_after_their_commit_lose_nothing(enter, join, settings):
    """Kill a hundred workers with SIGKILL, each between its commit and the numbering."""
    settings.WEBSOCKETS = {"HISTORY": {"room-*": {"size": 1000}}}
    socket = enter()
    join(socket, room_1=None)
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.history.storm_settings",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
        "STORM_DATABASE": connection.settings_dict["NAME"],
    }
    command = [sys.executable, "-m", "tests.history.killed_worker"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    others, received = [], []
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, **pipes) as workers:
        for number in range(1, 101):
            workers.stdin.write(f"{number}\n")
            workers.stdin.flush()
            assert int(workers.stdout.readline()) == signal.SIGKILL
            assert socket.receive_nothing()
            # The next publisher or the clean-up sends the message that the worker left.
            if number % 3 == 0:
                publish("room-1", {"n": -number})
                others.append(-number)
            elif number % 3 == 1:
                clean_up()
            received += [frame["n"] for frame in socket.receive_all()]
    clean_up()
    received += [frame["n"] for frame in socket.receive_all()]
    assert sorted(received) == sorted([*range(1, 101), *others])
    rows = HistoryMessage.objects.order_by("offset").values_list("offset", "body")
    assert [offset for offset, _ in rows] == list(range(1, len(received) + 1))
    assert [json.loads(body)["n"] for _, body in rows] == received
