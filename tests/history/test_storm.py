"""Pages that lose pushes and connections at random: each sees every message once and in order, or is told of a gap."""

from __future__ import annotations

import random
from itertools import count

import pytest
from django.db import transaction

from django_aws_api_gateway_websockets.history import publish
from django_aws_api_gateway_websockets.models import ChannelHistory
from django_aws_api_gateway_websockets.testing import GatewayClient

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

CHANNELS = ("room-1", "room-2", "room-3")
#: The part of the pushes that a page never sees. The others come in any order.
LOST = 0.05
ids = count()


class Page:
    """A client of docs/protocol.md that asks at once where something is missing."""

    def __init__(self, chance):
        self.chance = chance
        self.client = GatewayClient()
        self.at = dict.fromkeys(CHANNELS)
        self.seen = {name: [] for name in CHANNELS}
        self.gaps = []
        self.connect()

    def connect(self):
        self.socket = self.client.connect("/ws/")
        self.ask(*CHANNELS)

    def ask(self, *names):
        """Join from the positions, until all of it is there."""
        while names:
            join = {name: self.at[name] for name in names}
            self.socket.send_json({"action": "_ws", "_ws": {"id": f"storm-{next(ids)}", "join": join}})
            names = self.hear()

    def hear(self):
        """Take what has come. Return the channels of which something is missing."""
        missing = set()
        frames = self.socket.receive_all()
        self.chance.shuffle(frames)
        for frame in frames:
            ws = frame["_ws"]
            if "n" in frame and self.chance.random() < LOST:
                continue
            if "beat" in ws:
                missing |= {name for name, at in ws.get("at", {}).items() if offset(at) > offset(self.at[name])}
            elif "reply" in ws:
                missing |= self.take_answer(ws.get("joined", {}), ws.get("gap", {}))
            elif "missed" in ws:
                for entry in ws["missed"]:
                    self.take(ws["channel"], entry["at"], entry["message"])
            elif not self.take(ws["channel"], ws["at"], frame):
                missing.add(ws["channel"])
        return missing

    def take_answer(self, joined, gaps):
        """Begin at the position of a first join. After a gap, the page has read its state again, and joins anew."""
        self.at.update({name: at for name, at in joined.items() if self.at[name] is None})
        self.at.update(gaps)
        self.gaps += gaps
        return set(gaps)

    def take(self, name, at, message):
        """Show a message if it is the next one. Return False if one before it is missing."""
        place = offset(self.at[name])
        if offset(at) == place + 1:
            self.at[name] = at
            self.seen[name].append(message["n"])
        return offset(at) <= place + 1

    def beat(self):
        self.socket.send_json({"action": "_ws", "_ws": {"beat": True}})
        self.ask(*self.hear())


def offset(at):
    return int(at.split(":")[1])


def test_each_page_sees_every_message_once_and_in_order():
    chance = random.Random(7)
    pages = [Page(chance) for _ in range(4)]
    published = {name: [] for name in CHANNELS}
    for number in range(40):
        page = chance.choice(pages)
        if chance.random() < 0.05:
            page.client.timeout()  # The push is repeated, so it comes twice.
        elif chance.random() < 0.1:
            page.socket.vanish()
        names = chance.sample(CHANNELS, 2)
        with transaction.atomic():
            for name in names:
                publish(name, {"n": number})
        for name in names:
            published[name].append(number)
        page.client.recover()
        if page.socket.closed:
            page.connect()
        page.ask(*page.hear())
    for page in pages:
        if page.socket.closed:
            page.connect()
        page.beat()
        assert (page.seen, page.gaps) == (published, [])


def test_a_history_lost_during_reconnects_is_a_gap_for_each_page():
    pages = [Page(random.Random(seed)) for seed in range(3)]
    for number in range(10):
        publish("room-1", {"n": number})
    for page in pages:
        page.ask(*page.hear())
    ChannelHistory.objects.all().delete()
    publish("room-1", {"n": 10})
    for page in pages:
        page.socket.vanish()
        page.connect()
    publish("room-1", {"n": 11})
    for page in pages:
        page.ask(*page.hear())
        assert (page.seen["room-1"], page.gaps) == ([*range(10), 11], ["room-1"])
