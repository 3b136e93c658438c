"""A message's body as JSON that neither the parser, nor a database, nor an answer chokes on."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError

from .. import protocol
from ..exceptions import BodyTooLarge, InvalidBody

# A text need not end: or each quote in one that does not would be tried as a beginning, up to the end of the body.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
# An escape that may stand for NUL or for half of a surrogate pair.
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89abcdefABCDEF])")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def check_length(request: HttpRequest) -> None:
    """Raise ``BodyTooLarge`` before anything is read, where the request announces more than API Gateway sends."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdecimal() and (len(announced) > 9 or int(announced) > protocol.MAX_MESSAGE_BYTES):
        raise BodyTooLarge(f"The message has more than {protocol.MAX_MESSAGE_BYTES} bytes.")


def parse_body(request: HttpRequest, max_depth: int) -> dict[str, Any]:
    """The JSON object in the body of ``request``; raises ``InvalidBody`` or ``BodyTooLarge``.

    Refused: nesting beyond ``max_depth``, NaN, Infinity and numbers that would become it, NUL and lone surrogates
    in any text.
    """
    try:
        raw = request.body
    except RequestDataTooBig:
        raise BodyTooLarge("The message has more bytes than DATA_UPLOAD_MAX_MEMORY_SIZE.") from None
    except UnreadablePostError:
        raise InvalidBody("The message could not be read to its end.") from None
    if len(raw) > protocol.MAX_MESSAGE_BYTES:
        raise BodyTooLarge(f"The message has more than {protocol.MAX_MESSAGE_BYTES} bytes.")
    # Parsers differ in what depth they survive, and Python 3.14's survives very much: decide before parsing.
    if is_deeper(raw, max_depth):
        raise InvalidBody(f"The message is nested deeper than {max_depth} levels.")
    try:
        body = json.loads(raw.decode("utf-8"), parse_float=_finite, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidBody("The message is not JSON.") from None
    if not isinstance(body, dict):
        raise InvalidBody(f"The message is a JSON {type(body).__name__}, not an object.")
    if _SUSPECT_ESCAPE.search(raw) or b"\0" in raw:
        _check_texts(body)
    return body


def is_deeper(raw: bytes, max_depth: int) -> bool:
    """Whether the JSON text ``raw`` nests arrays and objects deeper than ``max_depth``."""
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return False
    depth = 0
    for token in _TOKENS.finditer(raw):
        first = raw[token.start()]
        if first in b"[{":
            depth += 1
            if depth > max_depth:
                return True
        elif first in b"]}":
            depth -= 1
    return False


def _finite(text: str) -> float:
    number = float(text)
    # 1e400 is JSON, and becomes an infinity, which no answer can hold.
    if math.isinf(number):
        raise ValueError(f"{text} is beyond a float")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check_texts(value: Any) -> None:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise InvalidBody("The message has a text with NUL or half of a surrogate pair in it.")
    elif isinstance(value, list):
        for item in value:
            _check_texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_texts(key)
            _check_texts(item)
