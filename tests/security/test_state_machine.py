"""Connects and disconnects that come twice, late, in any order, or at the same time."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from django_aws_api_gateway_websockets.exceptions import UnknownConnection
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.models.closing import close_for_good
from django_aws_api_gateway_websockets.testing import GatewayClient

#: 10,000 steps are STATE_MACHINE_RUNS=200.
RUNS = int(os.environ.get("STATE_MACHINE_RUNS", "20"))
STEPS = 50


def post(headers, route):
    return (
        Client()
        .post(
            f"/ws/{route}",
            {"action": "refuse"},
            content_type="application/json",
            headers={"Origin": "http://testserver", **headers},
        )
        .status_code
    )


class Connections(RuleBasedStateMachine):
    """Five connection ids, to which events happen as the network pleases."""

    @initialize()
    def begin(self):
        WebSocketSession.objects.all().delete()
        self.socket = GatewayClient().connect("/ws/")
        self.connected, self.disconnected, self.joined = set(), set(), set()
        self.gone, self.ended = set(), set()

    def send(self, number, route):
        self.socket.connection_id = f"c{number}="
        return post(self.socket.event_headers(f"${route}"), route)

    @rule(number=st.integers(0, 4))
    def connect(self, number):
        closed = number in self.disconnected | self.gone | self.ended
        assert self.send(number, "connect") == (403 if closed else 200)
        self.connected.add(number)

    @rule(number=st.integers(0, 4))
    def disconnect(self, number):
        assert self.send(number, "disconnect") == 200
        self.disconnected.add(number)

    @rule(number=st.integers(0, 4))
    def message(self, number):
        if self.may_speak(number):
            self.gone.discard(number)
        assert self.send(number, "default") == (400 if self.is_open(number) else 403)

    @rule(number=st.integers(0, 4), reason=st.sampled_from(["gone", "swept"]))
    def lose(self, number, reason):
        """A send or a sweep closes the row, because AWS does not know the connection."""
        if self.row(number).mark_disconnected(reason):
            self.gone.add(number)

    @rule(number=st.integers(0, 4), reason=st.sampled_from(["expired", "logout"]))
    def end(self, number, reason):
        if close_for_good(self.row(number), reason) or number in self.gone:
            self.gone.discard(number)
            self.ended.add(number)

    @rule(number=st.integers(0, 4), channel=st.sampled_from(["one", "two"]))
    def join(self, number, channel):
        row = self.row(number).first()
        if row is None:
            return
        if self.is_open(number):
            row.join(channel)
            self.joined.add((number, channel))
        else:
            with pytest.raises(UnknownConnection):
                row.join(channel)

    @rule(number=st.integers(0, 4), channel=st.sampled_from(["one", "two"]))
    def leave(self, number, channel):
        for row in self.row(number):
            row.leave(channel)
        self.joined.discard((number, channel))

    def row(self, number):
        return WebSocketSession.objects.filter(connection_id=f"c{number}=")

    def may_speak(self, number):
        return number in self.connected and number not in self.disconnected | self.ended

    def is_open(self, number):
        return self.may_speak(number) and number not in self.gone

    @invariant()
    def a_channel_has_the_open_connections_that_joined(self):
        if hasattr(self, "socket"):
            for channel in ("one", "two"):
                members = WebSocketSession.objects.in_channel(channel).values_list("connection_id", flat=True)
                expected = [f"c{n}=" for n, name in self.joined if name == channel and self.is_open(n)]
                assert sorted(members) == sorted(expected)

    @invariant()
    def no_row_is_open_after_its_disconnect(self):
        if hasattr(self, "socket"):
            rows = dict(WebSocketSession.objects.values_list("connection_id", "connected"))
            for number in range(5):
                assert rows.get(f"c{number}=", False) == self.is_open(number)


@pytest.mark.django_db
def test_events_in_any_order_keep_the_state_consistent(settings_without_limits):
    run_state_machine_as_test(
        Connections,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db(transaction=True)
def test_events_at_the_same_time_keep_the_state_consistent(settings_without_limits):
    """Two connects and two disconnects of one id start together, 100 times: closed in the end, and no error."""
    socket = GatewayClient().connect("/ws/")
    with ThreadPoolExecutor(4) as pool:
        for number in range(100):
            socket.connection_id = f"race{number}="
            together = threading.Barrier(4)
            events = [
                pool.submit(at_once, together, socket.event_headers(f"${route}"), route)
                for route in ("connect", "disconnect", "connect", "disconnect")
            ]
            statuses = [event.result(timeout=30) for event in events]
            assert set(statuses[0::2]) <= {200, 403}
            assert set(statuses[1::2]) == {200}
            assert not WebSocketSession.objects.get(connection_id=socket.connection_id).connected


def at_once(together, headers, route):
    connection.ensure_connection()
    together.wait(30)
    try:
        return post(headers, route)
    finally:
        connections.close_all()  # this thread's own, or the test database could not be dropped
