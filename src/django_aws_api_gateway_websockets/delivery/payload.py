"""A message as the bytes that the client receives."""

from __future__ import annotations

import json
import uuid
from typing import Any, Mapping, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string

from .. import protocol
from ..conf import SETTING, conf
from ..exceptions import MessageTooLarge
from ..registry import Registry

#: What ``WEBSOCKETS["MESSAGE_ENCODER"]`` may name: a function that turns the data of ``send_message`` into text.
ENCODERS = Registry("MESSAGE_ENCODER", {"json": f"{__name__}.as_json"})


class Message(NamedTuple):
    """The bytes to send, and whether they carry an id by which a client can drop repetitions."""

    data: bytes
    has_id: bool = False

    def __repr__(self) -> str:  # leaves out the message, because error pages show the repr of every local
        return f"<message of {len(self.data)} bytes>"


def encoded(data: Any, message_id: str | None = None) -> Message:
    """Encode ``data`` with ``MESSAGE_ENCODER``. If ``MESSAGE_ID_KEY`` is set, a dict gets an id unless it has one.

    Raise ``MessageTooLarge``, ``TypeError`` if data is neither dict nor list, and ``ValueError`` for NaN and lone
    surrogates.
    """
    key = conf.MESSAGE_ID_KEY
    has_id = bool(key) and isinstance(data, Mapping)
    if message_id is not None and not has_id:
        raise ValueError(
            f'message_id needs a dict and the setting {SETTING}["MESSAGE_ID_KEY"], the key under which the id is sent.'
        )
    if has_id and key not in data:
        data = {**data, key: message_id or uuid.uuid4().hex}
    return Message(_as_bytes(ENCODERS.find(conf.MESSAGE_ENCODER)(data)), has_id)


def text(value: str) -> Message:
    """Encode text without changing it. Raise ``MessageTooLarge``, or ``TypeError`` if ``value`` is not a str."""
    if not isinstance(value, str):
        raise TypeError(f"send_text takes a str, not {type(value).__name__}. Use send_message for a dict or a list.")
    return Message(_as_bytes(value))


def html(template_name: str, context: Mapping[str, Any] | None) -> Message:
    """Render a template to the text that is sent. Raise ``MessageTooLarge`` as for any other text."""
    return text(render_to_string(template_name, dict(context or {})))


def as_json(data: Any) -> str:
    """Encode a dict or a list with Django's JSON encoder. Dates, decimals and UUIDs become strings."""
    if not isinstance(data, (Mapping, list, tuple)):
        raise TypeError(f"send_message takes a dict or a list, not {type(data).__name__}. Use send_text for text.")
    return json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _as_bytes(value: str) -> bytes:
    data = value.encode()
    if len(data) > protocol.MAX_MESSAGE_BYTES:
        raise MessageTooLarge(
            f"The message has {len(data)} bytes, but API Gateway accepts at most {protocol.MAX_MESSAGE_BYTES}. Send a "
            "reference to the data instead."
        )
    return data
