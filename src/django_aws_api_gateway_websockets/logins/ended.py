"""Logins that have ended, for what was under way before: a connect token, or a ``$connect`` not yet recorded.

The cache remembers them for as long as either can last. A login is told by the hash of its session; where there is
none, as with signed cookies, by its user and the time: what began before the logout ended with it.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Iterable
from urllib.parse import quote

from django.core.cache import caches

from .. import protocol
from ..conf import conf

logger = logging.getLogger("django_aws_api_gateway_websockets")


def note_end(session_hash: str, user: Any = None) -> None:
    """The session has ended, and every login of ``user`` (None: of nobody) that has no session."""
    keys = [_session_key(session_hash)] if session_hash else []
    if user is not None:
        keys.append(_user_key(user))
    _note(keys)


def note_ends(session_hashes: Iterable[str]) -> None:
    """The sessions with these hashes have ended."""
    _note([_session_key(session_hash) for session_hash in session_hashes if session_hash])


def _note(keys: list[str]) -> None:
    if not keys:
        return
    seconds = max(conf.CONNECT_TOKEN_MAX_AGE, int(protocol.INTEGRATION_TIMEOUT)) + 1
    try:
        caches[conf.CACHE].set_many(dict.fromkeys(keys, time.time()), seconds)
    except Exception as error:
        # A logout must not fail because the cache does; tokens are not accepted either without a cache.
        logger.error("The end of a session was not noted, the cache %r fails: %r", conf.CACHE, error)


def has_ended(session_hash: str, user: Any, since: float) -> bool:
    """Whether a login that stood at ``since``, in seconds since the epoch, has ended meanwhile.

    Where the cache fails it stands: that is no reason to refuse every handshake.
    """
    if not session_hash and user is None:
        return False
    try:
        ended = caches[conf.CACHE].get(_session_key(session_hash) if session_hash else _user_key(user))
    except Exception as error:
        logger.error("Whether a login has ended was not checked, the cache %r fails: %r", conf.CACHE, error)
        return False
    # A session never comes back, whatever the clocks of two machines say.
    return ended is not None and (bool(session_hash) or since <= ended)


def _session_key(session_hash: str) -> str:
    return f"websockets:ended:{session_hash}"


def _user_key(user: Any) -> str:
    return f"websockets:ended-user:{quote(str(user.pk), safe='')}"
