"""The frames of docs/protocol.md that carry messages of a channel. Bodies are JSON text and are not parsed again."""

from __future__ import annotations

import json
from typing import Any, Mapping, Sequence

from .. import protocol
from ..delivery.payload import Message, encoded_text, without_tags
from ..exceptions import MessageTooLarge

_KEY = protocol.RESERVED_KEY
#: The largest body of a message, in bytes. The rest of its frame holds the channel's name, the position and the id.
MAX_BODY_BYTES = protocol.MAX_MESSAGE_BYTES - 4096
#: The most bytes of missed messages in one frame. At least one message of the largest size fits.
MAX_MISSED_BYTES = protocol.MAX_MESSAGE_BYTES - 3072


def encoded_body(data: Any) -> str:
    """Return ``data`` as the text of a JSON object. Raise ``TypeError``, ``ValueError`` or ``MessageTooLarge``."""
    if not isinstance(data, Mapping) or not data:
        raise TypeError(f"publish takes a dict with at least one key, not {data!r:.80}.")
    if _KEY in data:
        raise ValueError(f"The key {_KEY!r} is reserved. Rename it in the data of publish.")
    body = encoded_text(data).strip()
    if not (body.startswith("{") and body.endswith("}")):
        raise ValueError("publish needs a MESSAGE_ENCODER that returns a JSON object for a dict.")
    size = len(body.encode())
    if size > MAX_BODY_BYTES:
        raise MessageTooLarge(
            f"The message has {size} bytes, but a message of a channel can have at most {MAX_BODY_BYTES}. Publish a "
            "reference to the data instead."
        )
    return body


def message_frame(channel_name: str, body: str, at: str = "", message_id: str | None = None) -> Message:
    """Return the frame of a message. Without a body, it only tells an excluded recipient the position."""
    about = {"channel": channel_name, **({"at": at} if at else {}), **({"id": message_id} if message_id else {})}
    frame = f'{{"{_KEY}":{_dump(about)}}}'
    text = f"{body[:-1]},{frame[1:]}" if body else frame
    # A client drops a message whose position or id it has seen, so the frame may be sent again.
    return Message(text.encode(), has_id=bool(at or message_id))


def missed_frame(channel_name: str, since: str, messages: Sequence[tuple[str, str]], at: str, more: bool) -> str:
    """Return the frame with the missed messages of a channel. ``messages``: pairs of position and body."""
    missed = ",".join(f'{{"at":{_dump(place)},"message":{body}}}' for place, body in messages)
    about = _dump({"channel": channel_name, "since": since, "at": at, "more": more})
    return f'{{"{_KEY}":{about[:-1]},"missed":[{missed}]}}}}'


def entry_size(position: str, size: int) -> int:
    """Return how many bytes a message needs in the list of missed messages."""
    return len(position) + size + len('{"at":"","message":},')


def _dump(value: Any) -> str:
    return without_tags(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
