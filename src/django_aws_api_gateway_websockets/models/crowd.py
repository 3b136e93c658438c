"""The time over which clients spread their reconnects, by the number of clients."""

from __future__ import annotations

import logging

from django.core.cache import caches
from django.db import DatabaseError

from ..conf import conf
from .sessions import WebSocketSession

logger = logging.getLogger("django_aws_api_gateway_websockets")

#: Connects per second that all clients together may make. AWS accepts 500 per second for each account.
_CONNECTS_PER_SECOND = 400
_SHORTEST_WINDOW = 0.5
_KEY = "websockets:open-connections"
_COUNTED_FOR = 10


def reconnect_window() -> float:
    """Return the seconds within which a client picks a random moment to reconnect.

    It grows with the number of open connections, which is counted at most every 10 seconds.
    """
    return max(_SHORTEST_WINDOW, round(_open_connections() / _CONNECTS_PER_SECOND, 1))


def _open_connections() -> int:
    connected = WebSocketSession.objects.filter(connected=True)
    try:
        count = caches[conf.CACHE].get(_KEY)
        if count is None:
            count = connected.count()
            caches[conf.CACHE].set(_KEY, count, _COUNTED_FOR)
        return int(count)
    except DatabaseError:
        raise
    except Exception as error:
        logger.error("The count of connections was not kept: the cache %r failed: %r", conf.CACHE, error)
        return connected.count()
