"""Rate limits for connects and messages, counted in Django's cache.

Time is divided into windows of the rate's length, and each window has its own counter. A counter lives longer than its
window, so it can never lose its expiry between two calls to the cache. ``incr`` is atomic on Redis, Memcached and local
memory. Django's database and file caches count approximately.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from django.core.cache import caches

from ..conf import conf
from ..exceptions import RateLimited
from .counters import add_to_counter

__all__ = [
    "CONNECTS_OF_ADDRESS",
    "CONNECTS_OF_USER",
    "MESSAGES",
    "REFUSED_ORIGINS",
    "Limit",
    "Rate",
    "address_group",
    "check_rate",
    "forget",
    "parse_rate",
]

logger = logging.getLogger("django_aws_api_gateway_websockets")

_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})s\Z")


class Limit(NamedTuple):
    """A rate limit: its name in cache keys, what it counts, and the key of ``WEBSOCKETS`` that sets its rate."""

    name: str
    counts: str
    setting: str


CONNECTS_OF_ADDRESS = Limit("connects-ip", "connects from this address", "CONNECTS_PER_IP")
#: Refused origins count separately, so that another site's page cannot use up the limit of everyone at an address.
REFUSED_ORIGINS = Limit("refused-ip", "refused connects from this address", "CONNECTS_PER_IP")
CONNECTS_OF_USER = Limit("connects-user", "connects of this user", "CONNECTS_PER_USER")
MESSAGES = Limit("messages", "messages on this connection", "MESSAGES_PER_CONNECTION")


class Rate(NamedTuple):
    """At most ``limit`` events in ``seconds``."""

    limit: int
    seconds: int


@lru_cache(maxsize=64)
def parse_rate(text: str) -> Rate:
    """Return ``"100/10s"`` as a ``Rate``. Raise ``ValueError`` for any other form."""
    match = _RATE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a rate. Write LIMIT/SECONDSs, such as '100/10s'.")
    return Rate(int(match.group(1)), int(match.group(2)))


@lru_cache(maxsize=1024)
def address_group(address: str) -> str:
    """Return the addresses that count as one: an IPv4 address, or the /64 network of an IPv6 address.

    A provider gives each customer at least a /64 network, so a limit for a single IPv6 address would have no effect.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


def check_rate(limit: Limit, identity: str) -> None:
    """Count one event of ``identity``. Raise ``RateLimited`` if there are more than ``limit`` allows.

    If the cache fails, the event passes, because a broken cache must not close every connection.
    """
    rate = _rate_of(limit)
    if rate is None:
        return
    try:
        # Two windows, because a counter must not expire while it is in use.
        count = add_to_counter(_key(limit, identity, rate), 1, 2 * rate.seconds)
    except Exception as error:
        logger.error(
            "The rate limit %s was not checked, because the cache %r failed: %r", limit.name, conf.CACHE, error
        )
        return
    if count > rate.limit:
        raise RateLimited(
            f"Too many {limit.counts}. The limit is {rate.limit} in {rate.seconds} seconds.",
            retry_after=rate.seconds - int(time.time() % rate.seconds),
        )


def forget(limit: Limit, identity: str) -> None:
    """Set the count of ``identity`` back to zero."""
    rate = _rate_of(limit)
    if rate is not None:
        caches[conf.CACHE].delete(_key(limit, identity, rate))


def _rate_of(limit: Limit) -> Rate | None:
    text: str | None = getattr(conf, limit.setting)
    return parse_rate(text) if text else None


def _key(limit: Limit, identity: str, rate: Rate) -> str:
    window = int(time.time() // rate.seconds)
    return f"websockets:{limit.name}:{quote(identity, safe='')}:{window}"
