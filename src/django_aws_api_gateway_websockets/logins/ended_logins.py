"""Logins that have just ended. Connect tokens and handshakes in progress are checked against them.

The cache remembers an ended login for as long as a token or handshake can last. The key is the hash of its session. For
a login without a session, the key is its user, and everything that began before the logout counts as ended.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Iterable
from urllib.parse import quote

from django.core.cache import caches

from .. import protocol
from ..conf import conf

__all__ = ["has_ended", "note_end", "note_ends"]

logger = logging.getLogger("django_aws_api_gateway_websockets")


def note_end(session_hash: str, user: Any = None) -> None:
    """Note that a session has ended. With ``user``, all logins of this user without a session have ended too."""
    keys = [_session_key(session_hash)] if session_hash else []
    if user is not None:
        keys.append(_user_key(user))
    _note(keys)


def note_ends(session_hashes: Iterable[str]) -> None:
    """Note that the sessions with these hashes have ended."""
    _note([_session_key(session_hash) for session_hash in session_hashes if session_hash])


def _note(keys: list[str]) -> None:
    if not keys:
        return
    seconds = max(conf.CONNECT_TOKEN_MAX_AGE, int(protocol.INTEGRATION_TIMEOUT)) + 1
    try:
        caches[conf.CACHE].set_many(dict.fromkeys(keys, time.time()), seconds)
    except Exception as error:
        # A logout must not fail because the cache does. Without a cache, tokens are refused as well.
        logger.error("The end of a session was not recorded, because the cache %r failed: %r", conf.CACHE, error)


def has_ended(session_hash: str, user: Any, since: float) -> bool:
    """Return whether a login that was valid at ``since``, in seconds since the epoch, has ended by now.

    If the cache fails, the answer is False, because a broken cache must not refuse every handshake.
    """
    if not session_hash and user is None:
        return False
    try:
        ended = caches[conf.CACHE].get(_session_key(session_hash) if session_hash else _user_key(user))
    except Exception as error:
        logger.error("The end of a login was not checked, because the cache %r failed: %r", conf.CACHE, error)
        return False
    # A session that has ended never becomes valid again, even if the clocks of two machines differ.
    return ended is not None and (bool(session_hash) or since <= ended)


def _session_key(session_hash: str) -> str:
    return f"websockets:ended:{session_hash}"


def _user_key(user: Any) -> str:
    return f"websockets:ended-user:{quote(str(user.pk), safe='')}"
