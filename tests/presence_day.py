"""A simulated day: users open pages, reload, hand over and vanish, and presence is compared with the truth."""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any, Callable
from unittest import mock

from django.contrib.auth import get_user_model
from django.utils import timezone

from django_aws_api_gateway_websockets import signals
from django_aws_api_gateway_websockets.background.work import JOBS
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.presence import online, presence
from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.testing.commits import committed

HOUR, MINUTE = 3600, 60
GRACE = 15
#: How long docs/howto/who-is-online.md says that a vanished connection is listed.
LEASE = 11 * MINUTE
HANDOVER, BEAT = 110 * MINUTE, 8 * MINUTE
#: How often the clean-up runs.
SWEEP = 10 * MINUTE


class Day:
    """``users`` users in ``rooms`` channels, each of them in ``joins``, on a clock that only this class moves."""

    def __init__(self, users: int, rooms: int, joins: int, visits: int = 1, step: int = 10 * MINUTE, seed: int = 1):
        self.random = random.Random(seed)
        self.now, self._start = 0.0, timezone.now()
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        self._number = count()
        self.rooms = [f"room-{number}" for number in range(rooms)]
        model = get_user_model()
        name = model.USERNAME_FIELD
        names = [f"user{number}" for number in range(users)]
        model.objects.bulk_create([model(**{"username": one, name: one}) for one in names])
        self.users = list(model.objects.filter(username__startswith="user"))
        self.clients: dict[Any, GatewayClient] = {}
        #: The truth: open connections of (user, room), the users of each room (those online: ""), when the last
        #: connection ended, and when one vanished the last time.
        self.open: Counter[tuple[Any, str]] = Counter()
        self.there: dict[str, set[Any]] = defaultdict(set)
        self.ended: dict[tuple[Any, str], float] = {}
        self.vanished: dict[tuple[Any, str], float] = {}
        #: What the signals said: who is there.
        self.announced: dict[str, set[Any]] = defaultdict(set)
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        for user in self.users:
            rooms_of_user = self.random.sample(self.rooms, joins)
            for _ in range(visits):
                begin = self.random.uniform(0, 22 * HOUR)
                length = self.random.choice([2, 10, 40, 130]) * MINUTE
                self.at(begin, lambda u=user, r=rooms_of_user, s=length: Page(self, u, r, s))
        for moment in range(0, 27 * HOUR, SWEEP):
            self.at(moment, self.sweep)
        for moment in range(step // 2, 24 * HOUR, step):
            self.at(moment, self.compare)

    def at(self, moment: float, act: Callable[[], object]) -> None:
        heapq.heappush(self._queue, (moment, next(self._number), act))

    def run(self) -> None:
        """Run the day and three hours more, in which the last pages leave and the rows of lost connections expire."""
        self.at(27 * HOUR, self.sweep)
        self.at(27 * HOUR + MINUTE, self.sweep)
        self.at(27 * HOUR + 2 * MINUTE, self.compare)
        with mock.patch.object(timezone, "now", self._clock), self._listening():
            while self._queue:
                self.now, _, act = heapq.heappop(self._queue)
                act()

    def _clock(self) -> Any:
        return self._start + timedelta(seconds=self.now)

    # --- What the site does -----------------------------------------------------------------------

    def sweep(self) -> None:
        with committed():
            JOBS["clear_sessions"]()

    def enqueue(self, jobs: Any) -> None:
        """The task engine of the site."""
        for job in jobs:
            self.at(self.now + job.delay, lambda job=job: self._work(job))

    def _work(self, job: Any) -> None:
        with committed():
            JOBS[job.name](*job.arguments)

    @contextmanager
    def _listening(self) -> Any:
        heard = {
            signals.user_joined: lambda user, channel_name, **kwargs: self.hear_came(user, channel_name),
            signals.user_online: lambda user, **kwargs: self.hear_came(user, ""),
            signals.user_left: lambda user, channel_name, **kwargs: self.hear_went(user, channel_name),
            signals.user_offline: lambda user, **kwargs: self.hear_went(user, ""),
        }
        for signal, receive in heard.items():
            signal.connect(receive, weak=False)
        try:
            yield
        finally:
            for signal, receive in heard.items():
                signal.disconnect(receive)

    # --- The truth --------------------------------------------------------------------------------

    def came(self, user: Any, room: str) -> None:
        self.open[user, room] += 1
        self.there[room].add(user)

    def went(self, user: Any, room: str) -> None:
        self.open[user, room] -= 1
        self.ended[user, room] = self.now
        if not self.open[user, room]:
            self.there[room].discard(user)

    # --- What is compared with the truth ----------------------------------------------------------

    def hear_came(self, user: Any, room: str) -> None:
        self.counts["came"] += 1
        if user in self.announced[room]:
            self.problems.append(f"{self.now}: {(user, room)} came twice")
        self.announced[room].add(user)

    def hear_went(self, user: Any, room: str) -> None:
        key = (user, room)
        self.counts["went"] += 1
        if user not in self.announced[room]:
            self.problems.append(f"{self.now}: {key} went twice")
        self.announced[room].discard(user)
        if self.open[key]:
            self.problems.append(f"{self.now}: {key} went, but is there")
        away = self.now - self.ended[key]
        if round(away, 6) < GRACE:  # Differences of floating-point moments are not exact.
            self.problems.append(f"{self.now}: {key} flaps after {away} s")
        lost = self.now - self.vanished.get(key, -HOUR) < LEASE + 2 * SWEEP + GRACE
        if away > (LEASE + 2 * SWEEP + GRACE if lost else GRACE + SWEEP):
            self.problems.append(f"{self.now}: {key} went only after {away} s")

    def compare(self) -> None:
        for room in self.rooms:
            self._compare(room, set(presence(room).users))
        self._compare("", online(self.users))
        self.counts["comparisons"] += 1

    def _compare(self, room: str, listed: set[Any]) -> None:
        there = self.there[room]
        for user in there - listed:
            self.problems.append(f"{self.now}: {(user, room)} is missing")
        for user in there - self.announced[room]:
            self.problems.append(f"{self.now}: {(user, room)} was not announced")
        for user in listed - there:
            self.counts["lingering"] += 1
            if self.now - self.vanished.get((user, room), -HOUR) > LEASE:
                self.problems.append(f"{self.now}: {(user, room)} is listed for too long")


class Page:
    """A page with ``GatewaySocket``, which the user closes after ``seconds``."""

    def __init__(self, day: Day, user: Any, rooms: list[str], seconds: float) -> None:
        self.day, self.user, self.rooms = day, user, rooms
        self.until = day.now + seconds
        self.connect()

    def connect(self) -> None:
        day = self.day
        client = day.clients.get(self.user)
        if client is None:
            client = day.clients[self.user] = GatewayClient()
            client.force_login(self.user)
        first = self.rooms[0]
        self.socket = client.connect("/ws/", first, query={"ws_v": "1"})
        del client._opened[:]  # so that the client does not keep the sockets of a whole day
        day.counts["connects"] += 1
        for room in ("", *self.rooms):
            day.came(self.user, room)
        joins = {"join": dict.fromkeys(self.rooms)}
        self.socket.send_json({"action": "_ws", "_ws": {"id": f"join-{day.counts['connects']}", **joins}})
        self.plan()

    def plan(self) -> None:
        """Beat until the page is closed, reloaded or handed over, whichever comes first."""
        day, begun = self.day, self.day.now
        moments = [(self.until, self.close), (begun + HANDOVER, self.hand_over)]
        if day.random.random() < 0.3:
            moments.append((begun + day.random.uniform(1, 60 * MINUTE), self.reload))
        end, act = min(moments, key=lambda one: one[0])
        socket = self.socket
        beat = begun + BEAT
        while beat < end:
            day.at(beat, lambda: socket.send_json({"action": "_ws", "_ws": {"beat": True}}))
            beat += BEAT
        day.at(end, act)

    def end(self, socket: Any) -> None:
        """End a connection. One in five does so without ``$disconnect``."""
        day = self.day
        for room in ("", *self.rooms):
            day.went(self.user, room)
        if day.random.random() < 0.2:
            day.counts["lost"] += 1
            day.vanished.update({(self.user, room): day.now for room in ("", *self.rooms)})
            socket.vanish()
        else:
            socket.disconnect()

    def close(self) -> None:
        self.end(self.socket)

    def reload(self) -> None:
        self.day.counts["reloads"] += 1
        self.end(self.socket)
        self.day.at(self.day.now + self.day.random.uniform(0.1, GRACE - 1), self.connect)

    def hand_over(self) -> None:
        """Open a new connection, then close the old one."""
        self.day.counts["hand-overs"] += 1
        old = self.socket
        self.connect()
        self.end(old)


DAY: list[Day] = []


def enqueue(jobs: Any) -> None:
    """For the setting ``BACKGROUND``."""
    DAY[0].enqueue(jobs)


def options() -> dict[str, Any]:
    """The settings of the site: no limits, because the clock of the cache stands still."""
    limits = ("CONNECTS_PER_IP", "CONNECTS_PER_USER", "MESSAGES_PER_CONNECTION")
    return {"BACKGROUND": f"{__name__}.enqueue", "COUNT_EVENTS": False, **dict.fromkeys(limits)}


def simulate(**values: int) -> Day:
    """Run a day, and return it. The settings must have ``options()``."""
    day = Day(**values)
    DAY[:] = [day]
    day.run()
    rows = WebSocketSession.objects.filter(connected=True).count()
    if rows:
        day.problems.append(f"{rows} rows are still open")
    return day
