"""A storm of histories, with pages in Node, the local gateway, Django and a worker as separate processes.

Django and the worker are killed, pushes are dropped, and connections are cut. The test runs with ``-m slow`` on
PostgreSQL and MariaDB. ``ENDURANCE=1`` runs the large numbers, and ``-s`` shows what happened.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from django_aws_api_gateway_websockets.models import ApiGateway, ChannelHistory, HistoryMessage, WaitingMessage
from tests.demo.driving import free_ports

from .faulty_network import FaultyNetwork
from .storm_settings import WEBSOCKETS

FULL = bool(os.environ.get("ENDURANCE"))
MESSAGES, PAGES, CHANNELS, EACH, KILLS = (2000, 200, 20, 2, 2) if FULL else (120, 12, 4, 2, 1)
#: The share of pushes that never arrive, and the seconds between two cuts.
LOST, CUT_EVERY = 0.05, 0.3
#: The channel whose history is deleted in the middle of the storm.
DELETED = "room-1"
ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent


class Process:
    """A program with its own log, which can be killed and started again. ``lines`` is its output."""

    def __init__(self, log, environment, *command):
        self.log, self.environment, self.command = log, environment, command
        self.lines = []
        self.kills = 0
        self.start(*command)

    def start(self, *command):
        log = self.log.open("a")
        self.process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **self.environment}, stdout=subprocess.PIPE, stderr=log, text=True
        )
        self.reader = threading.Thread(target=self._read, args=[self.process.stdout], daemon=True)
        self.reader.start()

    def _read(self, stream):
        self.lines.extend(iter(stream.readline, ""))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        ended = self.process.wait(10)
        self.reader.join(10)
        if ended == -signal.SIGKILL:
            self.kills += 1

    def restart(self):
        self.kill()
        self.start(*self.command)


class Worker(Process):
    """Publishes the odd numbers. After a kill, it starts with the first number that it did not report."""

    def __init__(self, log, environment):
        super().__init__(log, environment, *self.after(1))

    @staticmethod
    def after(first):
        numbers = [first, MESSAGES + 1, 2, CHANNELS]
        return [sys.executable, "-m", "tests.history.storm_site", *map(str, numbers)]

    def restart(self):
        self.kill()
        self.start(*self.after(int(self.lines[-1]) + 2 if self.lines else 1))


class Site:
    """The processes of the storm, and the even numbers, which are published through Django."""

    def __init__(self, folder, network):
        self.folder, self.network = folder, network
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "tests.history.storm_settings",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
            "STORM_DATABASE": connection.settings_dict["NAME"],
            "STORM_GATEWAY": f"http://127.0.0.1:{network.port}",
        }
        self.processes = []
        self.published = []
        self.over = threading.Event()

    def start(self, name, *command, kind=Process):
        process = kind(self.folder / f"{name}.log", self.environment, *command)
        self.processes.append(process)
        return process

    def start_all(self, gateway_port):
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        local = "django_aws_api_gateway_websockets.local"
        options = ["--port", str(gateway_port), "--public-url", self.environment["STORM_GATEWAY"], "--no-inspector"]
        self.start("gateway", sys.executable, "-m", local, *options)
        self.django = self.start("django", sys.executable, "-m", "django", "runserver", "--noreload", str(port))
        wait_until(lambda: answers(f"http://127.0.0.1:{gateway_port}") and answers(self.url), 60, self)

    def publish_even_numbers(self, seed, threads):
        for number in range(2 + 2 * seed, MESSAGES + 1, 2 * threads):
            # The site may be killed before it answers. A repeated id is published once.
            while not self.over.is_set() and not answers(f"{self.url}/publish/{number}/{CHANNELS}/", success=True):
                time.sleep(0.2)
            self.published.append(number)

    def progress(self):
        return len(self.published) + len(self.worker.lines)

    def cut_sockets(self):
        while not self.over.wait(CUT_EVERY):
            self.network.cut()

    def stop(self):
        self.over.set()
        for process in reversed(self.processes):
            process.kill()

    def log(self):
        return "".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("*.log")))


def answers(url, success=False):
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return response.status == 200
    except OSError as error:
        return not success and hasattr(error, "code")


def wait_until(true, seconds, site, says=lambda: ""):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{says()}\n{site.log()}"
        time.sleep(0.1)


@pytest.fixture
def node():
    """Return the path of a Node that has WebSocket built in (20.10 or newer)."""
    found = shutil.which("node") or "node is not installed"
    try:
        subprocess.run([found, "--experimental-websocket", "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs Node 20.10 or newer")
    return found


@pytest.fixture
def site(tmp_path, settings):
    port, gateway_port = free_ports(2)
    with FaultyNetwork(port, gateway_port, LOST) as network:
        settings.WEBSOCKETS = {**WEBSOCKETS, "LOCAL_GATEWAY": f"http://127.0.0.1:{port}"}
        site = Site(tmp_path, network)
        try:
            site.start_all(gateway_port)
            yield site
        finally:
            site.stop()


class Pages:
    """What the applications of the pages have seen."""

    def __init__(self, process):
        self.process = process

    def events(self):
        """Return the events by page and channel, in order, and a count of the events without a channel."""
        found, others = {}, Counter()
        for line in list(self.process.lines):
            event = json.loads(line)
            if "channel" in event:
                found.setdefault((event["page"], event["channel"]), []).append(event)
            else:
                others["drops" if event.get("again") else line] += 1
        return found, others

    def joined(self):
        return sum('"joined"' in line for line in list(self.process.lines)) == PAGES * EACH

    def behind(self):
        """Return the last event of each page and channel that has not seen the newest message."""
        ends = {name: at for name, rows in stored().items() for at in list(rows)[-1:]}
        return [events[-1] for (_, name), events in self.events()[0].items() if place(events[-1]) != ends.get(name)]


def place(event):
    """Return the position of a page after an event."""
    return event.get("gap") or event.get("joined") or event["at"]


def stored():
    """Return the numbers of the messages by channel and position."""
    found = {}
    for row in HistoryMessage.objects.select_related("history").order_by("history", "offset"):
        at = f"{row.history.epoch}:{row.offset}:{row.tag}"
        found.setdefault(row.history.channel_name, {})[at] = json.loads(row.body)["n"]
    return found


def delete_history():
    """Delete the history of a channel, and return its messages."""
    with transaction.atomic():
        history = ChannelHistory.objects.select_for_update().get(channel_name=DELETED)
        rows = stored()[DELETED]
        history.delete()
    return rows


def verdict(events, numbers, last):
    """Compare what an application saw with what was stored. ``last`` is the position of the newest message."""
    found, epoch, offset, seen = Counter(), None, 0, set()
    for event in events:
        if "left" in event:
            found["left"] += 1
            continue
        at = place(event)
        its_epoch, its_offset = at.split(":")[0], int(at.split(":")[1])
        if "gap" in event:
            found["gaps"] += 1
        elif "n" in event:
            found["missed" if event["missed"] else "pushed"] += 1
            expected = offset + 1 if epoch in (its_epoch, None) or not offset else None
            found["wrong"] += numbers.get(at) != event["n"]
            found["doubled"] += event["n"] in seen
            found["reordered"] += expected is not None and its_offset < expected and event["n"] not in seen
            found["lost"] += expected is None or its_offset > expected
            seen.add(event["n"])
        epoch, offset = its_epoch, its_offset
    found["lost"] += place(events[-1]) != last
    return found


NUMBERS = {f"e1:{offset}:t": offset * 10 for offset in range(1, 6)}


@pytest.mark.parametrize(
    ("offsets", "wrong"),
    [
        ((1, 2, 3, 4, 5), {}),
        ((1, 2, 4, 5), {"lost": 1}),
        ((1, 2, 3, 4), {"lost": 1}),
        ((1, 2, 2, 3, 4, 5), {"doubled": 1}),
        ((1, 3, 2, 3, 4, 5), {"lost": 1, "reordered": 1, "doubled": 1}),
        ((1, 2, "e1:4:t", 5), {"gaps": 1}),
        ((1, 2, "e1:3:t", 5), {"gaps": 1, "lost": 1}),
    ],
)
def test_the_verdict_notices_each_mistake(offsets, wrong):
    events = [{"joined": "0:0:0"}]
    for one in offsets:
        seen = {"at": f"e1:{one}:t", "n": 10 * one, "missed": False} if isinstance(one, int) else {"gap": one}
        events.append(seen)
    found = verdict(events, NUMBERS, "e1:5:t")
    assert {name: count for name, count in found.items() if count and name != "pushed"} == wrong
    assert verdict(events, {**NUMBERS, "e1:1:t": 11}, "e1:5:t")["wrong"] == 1


def rage(site):
    """Publish all messages. Meanwhile, cut sockets, kill the worker and Django, and delete a history."""
    work = [partial(site.publish_even_numbers, seed, 4) for seed in range(4)]
    threads = [threading.Thread(target=one, daemon=True) for one in (*work, site.cut_sockets)]
    site.worker = site.start("worker", kind=Worker)
    for thread in threads:
        thread.start()
    faults = [site.worker.restart, site.django.restart] * KILLS
    for number, fault in enumerate(faults, 1):
        wait_until(lambda: site.progress() >= MESSAGES * number / (len(faults) + 2), 300, site)  # noqa: B023
        fault()
    wait_until(lambda: site.progress() >= MESSAGES * (len(faults) + 1) / (len(faults) + 2), 300, site)
    deleted = delete_history()
    wait_until(lambda: site.progress() >= MESSAGES, 600, site)
    site.over.set()
    for thread in threads:
        thread.join(30)
    return deleted


def note(text):
    """Show the measured numbers with ``pytest -s``."""
    sys.stdout.write(f"\n{text}\n")


@pytest.mark.slow
@pytest.mark.end_to_end
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="needs PostgreSQL or MariaDB: SQLite has one writer")
def test_pages_see_all_messages_in_order_or_a_gap(site, node, tmp_path):
    row = ApiGateway.objects.create(api_name="storm", is_local=True, target_base_endpoint=f"{site.url}/ws/")
    call_command("createApiGateway", pk=row.pk, stdout=io.StringIO())
    row.refresh_from_db()
    numbers = map(str, (PAGES, CHANNELS, EACH))
    script = str(HERE / "storm_pages.mjs")
    pages = Pages(site.start("pages", node, "--experimental-websocket", script, row.websocket_url, *numbers))
    wait_until(pages.joined, 120, site)
    began = time.monotonic()
    deleted = rage(site)
    raged = time.monotonic()
    call_command("clearWebSocketSessions", stdout=io.StringIO())
    assert not WaitingMessage.objects.exists()
    kept = stored()
    published = sorted([*deleted.values(), *(n for rows in kept.values() for n in rows.values())])
    assert published == list(range(1, MESSAGES + 1))
    wait_until(lambda: not pages.behind(), 180, site, pages.behind)
    times = f"{raged - began:.0f} s, and {time.monotonic() - raged:.0f} s until the last page is up to date"
    events, others = pages.events()
    found, told, knew = Counter(), set(), set()
    for (page, name), seen in events.items():
        ends = list(kept[name])[-1]
        found.update(verdict(seen, {**kept[name], **(deleted if name == DELETED else {})}, ends))
        told |= {(page, name) for event in seen if "gap" in event}
        knew |= {(page, name) for event in seen if name == DELETED and place(event) in deleted}
    kills = {"worker": site.worker.kills, "django": site.django.kills}
    found.update(site.network.counts)
    note(f"{MESSAGES} messages, {len(events)} streams, {times}; kills {kills}, {dict(found)}, {dict(others)}")
    wrong = {name: found[name] for name in ("lost", "doubled", "reordered", "wrong", "left")}
    assert (wrong, kills) == (dict.fromkeys(wrong, 0), {"worker": KILLS, "django": KILLS})
    assert set(others) == {"drops"}
    # Each page that had seen a message of the deleted history got a gap, and no other page did.
    assert told == knew, {key: events[key] for key in told ^ knew}
    assert min(found["missed"], found["drops"], found["cuts"]) > 0
