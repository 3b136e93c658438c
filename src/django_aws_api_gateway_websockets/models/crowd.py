"""The time over which clients spread their reconnects, by the number of clients."""

from __future__ import annotations

from django.core.cache import caches

from ..conf import conf
from .sessions import WebSocketSession

#: Connects per second that all clients together may make. AWS accepts 500 per second for each account.
_CONNECTS_PER_SECOND = 400
_SHORTEST_WINDOW = 0.5
_KEY = "websockets:open-connections"
_COUNTED_FOR = 10


def reconnect_window() -> float:
    """Return the seconds within which a client picks a random moment to reconnect.

    It grows with the number of open connections, which is counted at most every 10 seconds.
    """
    cache = caches[conf.CACHE]
    count = cache.get(_KEY)
    if count is None:
        count = WebSocketSession.objects.filter(connected=True).count()
        cache.set(_KEY, count, _COUNTED_FOR)
    return max(_SHORTEST_WINDOW, round(int(count) / _CONNECTS_PER_SECOND, 1))
