"""Real sockets of tests."""

from __future__ import annotations

from typing import Any

from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_with_websockets


def connect(uri: str, **options: Any) -> ClientConnection:
    """Open a socket. Its ``close()`` waits a second at most.

    ``close()`` does not end before all frames are read, and some tests leave frames unread. Releases of websockets for
    old Pythons wait even for a single frame.
    """
    return connect_with_websockets(uri, **{"close_timeout": 1, **options})
