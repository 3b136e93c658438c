"""The name by which a message on the default route picks its handler."""

from __future__ import annotations

from typing import Any

from .. import protocol
from ..exceptions import InvalidBody

__all__ = ["name_by_expression", "name_by_key"]


def name_by_key(body: dict[str, Any], key: str) -> str | None:
    """Return the value of ``key`` in ``body``, which may be a path such as ``data.action``.

    Return None if the value is not a name. Raise ``InvalidBody`` if the key is missing.
    """
    if key in body:
        value = body[key]
        return value if isinstance(value, str) else None
    return _value(body, key)


def name_by_expression(body: dict[str, Any], expression: str) -> str | None:
    """Return what a gateway's route selection ``expression`` selects in ``body``.

    Return None if that is not a name. Raise ``InvalidBody`` if a key of the expression is missing.
    """
    for path in protocol.body_references(expression):
        _value(body, path)
    return protocol.evaluate_selection(expression, body)


def _value(body: dict[str, Any], path: str) -> str | None:
    try:
        value = protocol.body_item(body, path)
    except LookupError:
        raise InvalidBody(f"The key {path!r} is missing from the message.") from None
    return value if isinstance(value, str) else None
