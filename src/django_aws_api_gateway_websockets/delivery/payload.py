"""A message as the bytes that the client gets."""

from __future__ import annotations

import json
import uuid
from typing import Any, Mapping

from django.core.serializers.json import DjangoJSONEncoder

from .. import protocol
from ..conf import conf
from ..exceptions import MessageTooLarge


def encode(data: Mapping[str, Any], message_id: str | None = None) -> bytes:
    """``data`` as JSON; with ``MESSAGE_ID_KEY`` set, an id goes with it unless ``data`` has one.

    Raises ``MessageTooLarge``, ``TypeError`` for what is no dict, ``ValueError`` for NaN and lone surrogates.
    """
    if not isinstance(data, Mapping):
        raise TypeError(f"send_message takes a dict that JSON can hold, not {type(data).__name__}.")
    key = conf.MESSAGE_ID_KEY
    if message_id is not None and not key:
        raise ValueError('message_id needs the setting WEBSOCKETS["MESSAGE_ID_KEY"]: the key under which it is sent.')
    if key and key not in data:
        data = {**data, key: message_id or uuid.uuid4().hex}
    encoded = json.dumps(
        data, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()
    check_size(encoded)
    return encoded


def check_size(encoded: bytes) -> None:
    if len(encoded) > protocol.MAX_MESSAGE_BYTES:
        raise MessageTooLarge(
            f"The message has {len(encoded)} bytes as JSON; API Gateway takes {protocol.MAX_MESSAGE_BYTES}. "
            "Send a reference to the data instead."
        )
