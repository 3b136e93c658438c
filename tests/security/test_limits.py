"""Message floods, and floods of connects."""

from __future__ import annotations

import contextlib
import time

import pytest
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import path

from django_aws_api_gateway_websockets.exceptions import RateLimited
from django_aws_api_gateway_websockets.security.counters import add_to_counter
from django_aws_api_gateway_websockets.security.limits import (
    CONNECTS_OF_USER,
    MESSAGES,
    REFUSED_ORIGINS,
    address_group,
    check_rate,
    parse_rate,
)
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused
from tests.views import ExampleView

handled = []


class CountingView(ExampleView):
    def test(self, request, *args, **kwargs):
        handled.append(self.event.connection_id)


urlpatterns = [path("ws/<slug:route>", CountingView.as_view())]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.mark.once
def test_only_messages_within_the_limit_reach_the_handler(connect, alice, django_assert_num_queries):
    handled.clear()
    with override_settings(WEBSOCKETS={"MESSAGES_PER_CONNECTION": "100/3600s"}):
        flooding, quiet = connect(alice), connect(alice)
        statuses = [flooding.send_json({"action": "test"}).status_code for _ in range(1000)]
        assert (statuses.count(200), statuses.count(429)) == (100, 900)
        assert handled == [flooding.connection_id] * 100
        with django_assert_num_queries(0):
            assert flooding.send_json({"action": "test"}).status_code == 429
        # Each connection has its own count, and no limit stops a disconnect.
        assert quiet.send_json({"action": "test"}).status_code == 200
        assert flooding.disconnect().status_code == 200
    assert not flooding.session.connected


def test_connects_of_an_address(connect, alice, bob):
    with override_settings(WEBSOCKETS={"CONNECTS_PER_IP": "3/3600s"}):
        client = GatewayClient()
        for _ in range(3):
            client.connect("/ws/")
        with pytest.raises(HandshakeRefused) as refused:
            client.connect("/ws/", headers={"X-Forwarded-For": "6.6.6.6"})
    assert refused.value.status_code == 429


def test_the_address_is_the_mapped_one(connect, alice):
    """Not what the client wrote into X-Forwarded-For."""
    socket = connect(alice)
    with override_settings(WEBSOCKETS={"CONNECTS_PER_IP": "1/3600s"}):
        seen = []
        for mapped, claimed in (("1.1.1.1", "9.9.9.9"), ("2.2.2.2", "9.9.9.9"), ("1.1.1.1", "8.8.8.8")):
            headers = socket.event_headers("$connect")
            headers.update({"X-Websocket-Source-Ip": mapped, "X-Forwarded-For": claimed, "Origin": "http://testserver"})
            headers["connectionId"] = f"c{len(seen)}="
            seen.append(Client().post("/ws/connect", headers=headers).status_code)
    assert seen == [200, 200, 429]


def test_connects_of_a_user(alice, bob):
    with override_settings(WEBSOCKETS={"CONNECTS_PER_USER": "2/3600s"}):
        client, other = GatewayClient(), GatewayClient()
        client.force_login(alice)
        other.force_login(bob)
        client.connect("/ws/")
        client.connect("/ws/")
        with pytest.raises(HandshakeRefused) as refused:
            client.connect("/ws/")
        assert other.connect("/ws/")
    assert refused.value.status_code == 429


@pytest.mark.once
def test_none_is_no_limit(connect, alice):
    with override_settings(WEBSOCKETS={"MESSAGES_PER_CONNECTION": None}):
        socket = connect(alice)
        assert {socket.send_json({"action": "test"}).status_code for _ in range(700)} == {200}


@pytest.mark.once
def test_the_default_is_600_messages_a_minute(connect, alice, monkeypatch):
    # The clock stands still, because a new window would begin with a new count.
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    socket = connect(alice)
    assert [socket.send_json({"action": "test"}).status_code for _ in range(601)].count(429) == 1


def test_a_cache_that_fails_lets_messages_pass_and_says_so(connect, alice, caplog):
    socket = connect(alice)
    broken = {"default": {"BACKEND": "tests.security.test_limits.BrokenCache"}}
    with override_settings(CACHES=broken):
        assert socket.send_json({"action": "test"}).status_code == 200
    assert "The rate limit messages was not checked, because the cache 'default' failed: OSError('down')" in caplog.text


class BrokenCache:
    def __init__(self, *args):
        pass

    def incr(self, key, delta=1):
        raise OSError("down")

    def close(self, **kwargs):
        pass


@pytest.mark.parametrize("text", ["", "10", "10/s", "0/10s", "10/0s", "-1/1s", "10/10m", "x/10s", "10/10s\n"])
def test_what_is_no_rate_is_said_so(text):
    with pytest.raises(ValueError, match=r"is not a rate\. Write LIMIT/SECONDSs"):
        parse_rate(text)


def test_a_rate():
    assert parse_rate("100/10s") == (100, 10)


class RacingCache(LocMemCache):
    """A cache like Redis: Django asks whether a key exists, and its expiry may pass before the INCR that follows."""

    def incr(self, key, delta=1, version=None):
        if self.get(key) is None:
            raise ValueError(key)
        if self.expires:
            self.delete(key)
            self.set(key, 0, None)
        return super().incr(key, delta, version)

    expires = False


@pytest.mark.parametrize("limit", [MESSAGES, CONNECTS_OF_USER, REFUSED_ORIGINS])
def test_a_counter_without_expiry_refuses_nobody_later(limit, settings):
    settings.WEBSOCKETS = {limit.setting: "2/1s"}
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.RacingCache"}}
    check_rate(limit, "x")
    RacingCache.expires = True
    try:
        for _ in range(4):
            with contextlib.suppress(RateLimited):
                check_rate(limit, "x")
    finally:
        RacingCache.expires = False
    time.sleep(1.1)
    check_rate(limit, "x")


@pytest.mark.parametrize("rate", ["1/1s", "5/60s", "600/3600s"])
def test_a_counter_outlives_its_window(rate, settings):
    settings.WEBSOCKETS = {"MESSAGES_PER_CONNECTION": rate}
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.KeepingCache"}}
    KeepingCache.timeouts.clear()
    check_rate(MESSAGES, "x")
    seconds = parse_rate(rate).seconds
    assert KeepingCache.timeouts == [2 * seconds]


# The file cache of Django 4.2 and 5.0 calls it.
@pytest.mark.filterwarnings("ignore:glob.glob1 is deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", ["filebased.FileBasedCache", "db.DatabaseCache", "locmem.LocMemCache"])
@pytest.mark.parametrize("timeout", [0, 1, None])
def test_a_counter_has_its_own_time_in_every_cache(kind, timeout, settings, tmp_path):
    """A count does not end before its window, and no counter stays for ever, whatever the cache's TIMEOUT is."""
    settings.WEBSOCKETS = {"MESSAGES_PER_CONNECTION": "3/3600s"}
    place = {"filebased.FileBasedCache": str(tmp_path / "cache")}.get(kind, "websockets_counters")
    settings.CACHES = {
        "default": {"BACKEND": f"django.core.cache.backends.{kind}", "TIMEOUT": timeout, "LOCATION": place}
    }
    if kind.startswith("db"):
        call_command("createcachetable")
    for _ in range(3):
        check_rate(MESSAGES, tmp_path.name)
    assert [add_to_counter("short", 1, 1) for _ in range(2)] == [1, 2]
    time.sleep(1.1)
    with pytest.raises(RateLimited):
        check_rate(MESSAGES, tmp_path.name)
    assert cache.get("short") is None


class KeepingCache(LocMemCache):
    timeouts = []

    def add(self, key, value, timeout=None, version=None):
        self.timeouts.append(timeout)
        return super().add(key, value, timeout, version)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
def test_refused_origins_lock_nobody_out(gateway, origin, settings):
    settings.WEBSOCKETS = {"CONNECTS_PER_IP": "5/3600s"}
    cache.clear()
    client = GatewayClient()
    statuses = []
    for _ in range(8):
        with pytest.raises(HandshakeRefused) as refused:
            client.connect("/ws/", headers={"Origin": origin})
        statuses.append(refused.value.status_code)
    assert statuses == [403] * 5 + [429] * 3
    assert [client.connect("/ws/").closed for _ in range(5)] == [False] * 5
    with pytest.raises(HandshakeRefused) as refused:
        client.connect("/ws/")
    assert refused.value.status_code == 429


@pytest.mark.parametrize(
    ("addresses", "groups"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2:0:0:0:7"], 1),
        (["2001:db8:1:2::1", "2001:db8:1:3::1"], 2),
        (["10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1"], 2),
        (["fe80::1", "FE80::2", "fe80:0:0:0::3"], 1),
        (["unknown", "other"], 2),
    ],
)
def test_the_addresses_of_one_customer_count_as_one(addresses, groups):
    assert len({address_group(address) for address in addresses}) == groups


def test_an_ipv6_network_is_limited_as_one_address(connect, settings):
    socket = connect()
    settings.WEBSOCKETS = {"CONNECTS_PER_IP": "3/3600s"}
    seen = []
    for number in range(6):
        headers = socket.event_headers("$connect")
        headers.update({"X-Websocket-Source-Ip": f"2001:db8::{number:x}", "Origin": "http://testserver"})
        headers["connectionId"] = f"six{number}="
        seen.append(Client().post("/ws/connect", headers=headers).status_code)
    assert seen == [200] * 3 + [429] * 3
