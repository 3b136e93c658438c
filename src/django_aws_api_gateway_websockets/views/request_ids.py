"""Run a request once, even if the client repeats it. Clients repeat a request whose reply they did not see.

The cache remembers each request for ``REQUEST_MEMORY`` seconds, first as running and then with its reply.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Mapping

from django.core.cache import caches

from ..conf import conf

logger = logging.getLogger("django_aws_api_gateway_websockets")

_RUNNING: Mapping[str, Any] = {}


class RequestMemory:
    """The memory of one request, identified by ``owner`` and by the id that the client chose.

    The owner is part of the key, so a reply never reaches another user.
    """

    def __init__(self, owner: str, request_id: str) -> None:
        digest = hashlib.sha256(f"{owner}\n{request_id}".encode()).hexdigest()
        self._key = f"websockets:request:{digest}"

    def begin(self) -> bool:
        """Note that the request is running. Return False if it ran before or is still running.

        If the cache fails, the request runs, because losing a message is worse than running it twice.
        """
        try:
            return bool(caches[conf.CACHE].add(self._key, _RUNNING, conf.REQUEST_MEMORY))
        except Exception as error:
            logger.error("A request id was not remembered, because the cache %r failed: %r", conf.CACHE, error)
            return True

    def finish(self, reply: Mapping[str, Any]) -> None:
        """Remember ``reply`` for repetitions of the request."""
        try:
            caches[conf.CACHE].set(self._key, dict(reply), conf.REQUEST_MEMORY)
        except Exception as error:
            logger.error("A reply was not remembered, because the cache %r failed: %r", conf.CACHE, error)

    def reply(self) -> dict[str, Any] | None:
        """Return the remembered reply, or None if the request is still running."""
        try:
            return caches[conf.CACHE].get(self._key) or None
        except Exception as error:
            logger.error("A reply was not looked up, because the cache %r failed: %r", conf.CACHE, error)
            return None
