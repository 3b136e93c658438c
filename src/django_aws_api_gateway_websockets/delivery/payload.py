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


_KEY = protocol.RESERVED_KEY
#: The beginning of Python's message about NaN and infinite numbers.
_NOT_A_NUMBER = "Out of range float values"


class Message(NamedTuple):
    """The bytes to send, and whether they carry an id by which a client can drop repetitions."""

    data: bytes
    has_id: bool = False

    def __repr__(self) -> str:  # leaves out the message, because error pages show the repr of every local
        return f"<message of {len(self.data)} bytes>"


def encoded(data: Any, message_id: str | None = None) -> Message:
    """Encode ``data`` with ``MESSAGE_ENCODER``, and add ``message_id`` as its id under ``_ws``.

    With ``MESSAGE_IDS``, a dict without ``_ws`` gets a random id. Raise ``MessageTooLarge``, ``TypeError`` if data is
    neither dict nor list, and ``ValueError`` for NaN, lone surrogates, and an id for something other than a dict.
    """
    given = data.get(_KEY, {}) if isinstance(data, Mapping) else None
    if message_id is not None:
        if not isinstance(given, Mapping):
            raise ValueError(f"message_id needs a dict, because the id is sent under its key {_KEY!r}.")
        data = {**data, _KEY: {**given, "id": message_id}}
    elif conf.MESSAGE_IDS and given == {}:
        data = {**data, _KEY: {"id": uuid.uuid4().hex}}
    has_id = isinstance(given, Mapping) and "id" in data.get(_KEY, ())
    return Message(_as_bytes(encoded_text(data)), has_id)


def encoded_text(data: Any) -> str:
    """Encode ``data`` with ``MESSAGE_ENCODER``. Raise ``ValueError`` for JSON that browsers cannot parse."""
    encoder = ENCODERS.find(conf.MESSAGE_ENCODER)
    found: str = encoder(data)
    # Other encoders, such as json.dumps, write NaN and Infinity. A text can contain these words too.
    if encoder is not as_json and ("NaN" in found or "Infinity" in found):
        constants: list[str] = []
        try:
            json.loads(found, parse_constant=constants.append)
        except (ValueError, RecursionError):
            return found  # The encoder of a site may write something other than JSON.
        if constants:
            raise ValueError(
                f"The message contains {constants[0]}, which browsers cannot parse. Send None or a text instead."
            )
    return found


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
    try:
        encoded = json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except TypeError as error:
        raise TypeError(_what_json_cannot_hold(data) or str(error)) from None
    except ValueError as error:
        if not str(error).startswith(_NOT_A_NUMBER):
            raise
        raise ValueError(_what_json_cannot_hold(data) or str(error)) from None
    return without_tags(encoded)


def _what_json_cannot_hold(data: Any, place: str = "data") -> str:
    """Return a sentence about the first key or value that JSON cannot hold. It never contains the value."""
    remedy = f"Convert it, or name a function that can encode it in {SETTING}['MESSAGE_ENCODER']."
    if isinstance(data, (dict, list, tuple)):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            if not isinstance(key, (str, int, float, bool, type(None))):
                return f"{place} has a key of type {type(key).__name__}, which JSON cannot hold. {remedy}"
            found = _what_json_cannot_hold(value, f"{place}[{key!r:.40}]")
            if found:
                return found
        return ""
    try:
        json.dumps(data, cls=DjangoJSONEncoder, allow_nan=False)
    except ValueError:
        return f"{place} is NaN or infinite, which JSON cannot hold. Send None or a text instead."
    except TypeError:
        return f"{place} is of type {type(data).__name__}, which JSON cannot hold. {remedy}"
    return ""


def without_tags(json_text: str) -> str:
    """Return the same JSON without the character "<".

    Pages that take HTML, such as those with htmx, also insert the text of JSON messages. A user's text must not become
    an element there.
    """
    return json_text.replace("<", "\\u003c")


def _as_bytes(value: str) -> bytes:
    data = value.encode()
    if len(data) > protocol.MAX_MESSAGE_BYTES:
        raise MessageTooLarge(
            f"The message has {len(data)} bytes, but API Gateway accepts at most {protocol.MAX_MESSAGE_BYTES}. Send a "
            "reference to the data instead."
        )
    return data
