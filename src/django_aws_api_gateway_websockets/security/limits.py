"""How often: connects by source IP and user, messages by connection, counted in Django's cache.

A window begins with the first event and lasts as long as the rate says. ``incr`` keeps the time of expiry on
Redis, Memcached and local memory, and is atomic there; Django's database and file caches do neither, so they
count approximately.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from django.core.cache import caches

from ..conf import conf
from ..exceptions import RateLimited

logger = logging.getLogger("django_aws_api_gateway_websockets")

_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})s\Z")

_NAMES = {
    "connects-ip": "connects from this address",
    "connects-user": "connects of this user",
    "messages": "messages on this connection",
}


class Rate(NamedTuple):
    """``limit`` events in ``seconds``."""

    limit: int
    seconds: int


@lru_cache(maxsize=64)
def parse_rate(text: str) -> Rate:
    """``"100/10s"`` as a rate; raises ``ValueError``."""
    match = _RATE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no rate: write LIMIT/SECONDSs, such as '100/10s'.")
    return Rate(int(match.group(1)), int(match.group(2)))


def check_rate(what: str, identity: str, rate: str | None) -> None:
    """Count one event of ``identity``; raises ``RateLimited`` beyond ``rate`` (None: no limit, nothing counted).

    Where the cache fails the event passes: a limit is no reason for every socket to fall.
    """
    if not rate:
        return
    limit, seconds = parse_rate(rate)
    try:
        count = _count(_key(what, identity), seconds)
    except Exception as error:
        logger.error("The rate limit %s was not checked, the cache %r fails: %r", what, conf.CACHE, error)
        return
    if count > limit:
        raise RateLimited(f"Too many {_NAMES[what]}: {limit} in {seconds} s are accepted.")


def forget(what: str, identity: str) -> None:
    """Begin the count of ``identity`` anew."""
    caches[conf.CACHE].delete(_key(what, identity))


def _key(what: str, identity: str) -> str:
    return f"websockets:{what}:{quote(identity, safe='')}"


def _count(key: str, seconds: int) -> int:
    cache = caches[conf.CACHE]
    try:
        return int(cache.incr(key))
    except ValueError:
        if cache.add(key, 1, seconds):
            return 1
        return int(cache.incr(key))
