"""Read the body of a message, and parse JSON that is safe to store, log and send back."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError

from .. import protocol
from ..conf import conf
from ..exceptions import BodyTooLarge, InvalidBody

__all__ = ["check_length", "check_texts", "is_deeper", "parse_json", "parse_object", "read_text"]

# The closing quote is optional. Otherwise, each quote of an unfinished string would be tried up to the end of the body.
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
# An escape that may stand for NUL or for half of a surrogate pair.
_SUSPECT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89abcdefABCDEF])")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def check_length(request: HttpRequest) -> None:
    """Raise ``BodyTooLarge`` if ``request`` announces more than API Gateway sends. Read nothing."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdecimal() and (len(announced) > 9 or int(announced) > protocol.MAX_MESSAGE_BYTES):
        raise BodyTooLarge(f"The message has more than {protocol.MAX_MESSAGE_BYTES} bytes.")


def read_text(request: HttpRequest) -> str:
    """Return the body of ``request`` as text. Raise ``BodyTooLarge``, or ``InvalidBody`` if it is not UTF-8."""
    try:
        raw = request.body
    except RequestDataTooBig:
        raise BodyTooLarge("The message has more bytes than DATA_UPLOAD_MAX_MEMORY_SIZE.") from None
    except UnreadablePostError:
        raise InvalidBody("The message could not be read to its end.") from None
    if len(raw) > protocol.MAX_MESSAGE_BYTES:
        raise BodyTooLarge(f"The message has more than {protocol.MAX_MESSAGE_BYTES} bytes.")
    try:
        return raw.decode("utf-8")
    except ValueError:
        raise InvalidBody("The message is not JSON, because it is not UTF-8.") from None


def parse_json(text: str) -> Any:
    """Return the JSON value in ``text``. Raise ``InvalidBody`` if there is none, or if it is not safe.

    Unsafe values are nesting deeper than ``MAX_JSON_DEPTH``, NaN, Infinity, numbers that a float cannot hold, and
    strings with NUL or half of a surrogate pair.
    """
    # Decide before parsing, because parsers differ in the depth that they survive, and Python 3.14 survives a lot.
    if is_deeper(text, conf.MAX_JSON_DEPTH):
        raise InvalidBody(f"The message is nested deeper than {conf.MAX_JSON_DEPTH} levels.")
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidBody("The message is not JSON.") from None
    if _SUSPECT_ESCAPE.search(text) or "\0" in text:
        check_texts(value)
    return value


def parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object in ``text``. Raise ``InvalidBody`` for anything else."""
    value = parse_json(text)
    if not isinstance(value, dict):
        raise InvalidBody(f"The message is a JSON {type(value).__name__}, not an object.")
    return value


def is_deeper(text: str, max_depth: int) -> bool:
    """Return whether the JSON ``text`` nests arrays and objects deeper than ``max_depth``."""
    if text.count("[") + text.count("{") <= max_depth:
        return False
    depth = 0
    for token in _TOKENS.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > max_depth:
                return True
        elif first in "]}":
            depth -= 1
    return False


def _finite(text: str) -> float:
    number = float(text)
    # 1e400 is valid JSON, but Python reads it as infinity, which no JSON answer can contain.
    if math.isinf(number):
        raise ValueError(f"{text} is too large for a float")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def check_texts(value: Any) -> None:
    """Raise ``InvalidBody`` if a string in ``value`` contains NUL or half of a surrogate pair."""
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise InvalidBody("The message contains a string with NUL or half of a surrogate pair.")
    elif isinstance(value, list):
        for item in value:
            check_texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            check_texts(key)
            check_texts(item)
