"""Messages and their recipients, for assertions."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django.utils.functional import Promise

from ..models import WebSocketSession
from ..models.users import is_user


class Sent(NamedTuple):
    """A message that was posted to a connection."""

    session: WebSocketSession | None  # None if its row was deleted
    connection_id: str
    text: str

    def is_to(self, to: Any) -> bool:
        """Return whether it went to ``to``: a socket, a session row, a channel name or a user. None matches anybody."""
        if to is None:
            return True
        connection_id = getattr(to, "connection_id", None)
        if connection_id is not None:
            return bool(self.connection_id == connection_id)
        if self.session is None:
            return False
        if isinstance(to, (str, Promise)):
            return str(to) in self.session.channels
        return self.session.user_id is not None and bool(self.session.user_id == to.pk)

    def contains(self, containing: Any) -> bool:
        """Return whether the message contains the keys and values of a dict, or the text.

        None matches every message.
        """
        if containing is None:
            return True
        if isinstance(containing, str):
            return containing in self.text
        try:
            return _has(json.loads(self.text), containing)
        except (ValueError, RecursionError):
            return False


def check_recipient(to: Any) -> None:
    """Raise ``TypeError`` unless ``to`` is something that ``Sent.is_to`` understands."""
    if not (to is None or isinstance(to, (str, Promise)) or hasattr(to, "connection_id") or is_user(to)):
        raise TypeError(f"to takes a socket, a session row, a user or the name of a channel, not {to!r:.80}.")


def _has(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and _has(found[key], wanted[key]) for key in wanted)
    return bool(found == wanted)


def described(messages: list[Sent]) -> str:
    lines = [f"  to {one.connection_id}: {one.text[:200]}" for one in messages]
    return "\n".join(["Sent was:", *lines]) if lines else "Nothing was sent."
