"""Counters in the cache."""

from __future__ import annotations

from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

from ..conf import conf


def add_to_counter(key: str, times: int, seconds: int) -> int:
    """Add ``times`` to the counter ``key``, and return its new value. A new counter expires after ``seconds``.

    Choose ``seconds`` so that no counter expires while it is in use. On Redis, Django checks that a key exists before
    it adds to it. A key that expires in between would come back without an expiry.
    """
    cache: Any = caches[conf.CACHE]
    if getattr(type(cache), "incr", None) is BaseCache.incr:
        # The incr() of Django's file and database caches would store the sum with the cache's default TIMEOUT.
        count = int(cache.get(key, 0)) + times
        cache.set(key, count, seconds)
        return count
    try:
        return int(cache.incr(key, times))
    except ValueError:
        if cache.add(key, times, seconds):
            return times
        return int(cache.incr(key, times))
