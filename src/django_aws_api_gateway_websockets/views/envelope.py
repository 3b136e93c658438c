"""The part of a message for this package rather than for a handler: the value of the key ``_ws``.

docs/protocol.md describes it for clients.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Mapping

from django.http import HttpRequest

from .. import protocol
from ..exceptions import InvalidBody
from ..security.bodies import check_texts

KEY = protocol.RESERVED_KEY
#: The newest version of the protocol. A page may outlive a deployment, so the previous version is accepted too.
VERSION = protocol.CLIENT_VERSION
_ACCEPTED = (VERSION - 1, VERSION)

_SERVED = {"beat", "id", "join", "leave", "move", "v"}
#: How many channels one message may join and leave. Each costs the queries of ``can_join`` and a write.
MAX_CHANNELS = 100
_VERSION_NUMBER = re.compile(r"[0-9]{1,4}\Z")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,64}\Z")


@dataclass(frozen=True)
class Envelope:
    """The requests of a client to this package in one message.

    ``request_id`` is set if the client waits for a reply. ``beat`` is True for a beat, which keeps the connection open.
    ``join`` maps channels to positions, and ``leave`` names channels, as the client sent them. ``move`` is the token of
    a hand-over. ``unserved`` has the names of other members, which this version of the view does not support.
    """

    request_id: str = ""
    beat: bool = False
    join: Mapping[str, Any] = field(default_factory=dict)
    leave: tuple[Any, ...] = ()
    unserved: tuple[str, ...] = ()
    move: str = ""

    @classmethod
    def from_body(cls, body: Any) -> Envelope | None:
        """Read the envelope of a message. Return None if it has none. Raise ``InvalidBody`` if it is malformed."""
        content = body.get(KEY) if isinstance(body, Mapping) else None
        if content is None:
            return None
        if not isinstance(content, dict):
            raise InvalidBody(f"The value of {KEY!r} is not an object. See the protocol page of the documentation.")
        version = content.get("v", VERSION)
        if version not in _ACCEPTED or isinstance(version, bool):
            raise InvalidBody(f"This site does not support version {version!r:.20} of the protocol. Reload the page.")
        request_id = content.get("id", "")
        if request_id != "" and not (isinstance(request_id, str) and _REQUEST_ID.match(request_id)):
            raise InvalidBody(f"{KEY}.id must be a string of 1 to 64 printable ASCII characters without spaces.")
        unserved = tuple(sorted(map(str, set(content) - _SERVED)))
        join, leave = content.get("join", {}), content.get("leave", [])
        if not isinstance(join, dict) or not isinstance(leave, list):
            raise InvalidBody(f"{KEY}.join must be an object that maps channels to positions, {KEY}.leave a list.")
        if len(join) + len(leave) > MAX_CHANNELS:
            raise InvalidBody(f"One message can join and leave at most {MAX_CHANNELS} channels.")
        move = content.get("move", "")
        if not isinstance(move, str):
            raise InvalidBody(f"{KEY}.move must be the token of a hand-over, a string.")
        # The reply repeats these names. A view's own parse() may accept characters that a reply cannot contain.
        check_texts([*unserved, *join])
        return cls(request_id, content.get("beat") is True, join, tuple(leave), unserved, move)


def spoken_version(request: HttpRequest) -> int:
    """Return the version of the protocol that the client of a handshake speaks, at most ours: 0 for a plain client."""
    text = request.GET.get("ws_v", "")
    return min(int(text), VERSION) if _VERSION_NUMBER.match(text) else 0


def reply_to(request_id: str, status: int, data: Mapping[str, Any] | None = None, **extra: Any) -> dict[str, Any]:
    """Return the message that answers the request ``request_id`` with an HTTP ``status``."""
    return {**(data or {}), KEY: {"reply": request_id, "status": status, **extra}}
