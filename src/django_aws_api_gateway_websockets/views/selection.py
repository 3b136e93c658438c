"""The name by which an event selects its handler."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .. import protocol
from ..exceptions import InvalidBody
from ..models import ApiGateway

__all__ = ["Choice", "Choosing", "choose_name"]


class Choosing(Protocol):
    """The attributes of a view that decide the name of a handler."""

    body: Any
    route_selection_key: str
    handler_selection_key: str | None
    api_gateway: ApiGateway | None


class Choice(NamedTuple):
    """The name of a handler, and whether ``default`` runs if no handler has that name."""

    name: Any
    falls_back: bool


def choose_name(view: Choosing, route_key: str, *, by_hand: bool) -> Choice:
    """Return the name of the handler for the message in ``view.body``. Raise ``InvalidBody`` if its key is missing.

    ``by_hand``: whether the view sets ``route_selection_key``. Otherwise, its gateway's expression decides.
    """
    on_default = route_key == protocol.DEFAULT
    is_object = isinstance(view.body, dict)
    if view.handler_selection_key and is_object:
        name = view.body.get(view.handler_selection_key)
        if name is not None:
            return Choice(name, falls_back=on_default)
    if not on_default:
        return Choice(route_key, falls_back=True)
    if not is_object:
        return Choice(None, falls_back=True)
    if by_hand or view.api_gateway is None:
        return Choice(_by_key(view.body, view.route_selection_key), falls_back=True)
    return Choice(_by_expression(view.body, view.api_gateway.route_selection_expression), falls_back=True)


def _by_key(body: dict[str, Any], key: str) -> str | None:
    """Return the value of ``key``, which may be a path such as ``data.action``.

    Return None if the value is not a name.
    """
    value = body[key] if key in body else _item(body, key)
    return value if isinstance(value, str) else None


def _by_expression(body: dict[str, Any], expression: str) -> str | None:
    name = protocol.evaluate_selection(expression, body)
    if name is None:
        for path in protocol.body_references(expression):
            _item(body, path)  # raises for a missing key
    return name


def _item(body: dict[str, Any], path: str) -> Any:
    try:
        return protocol.body_item(body, path)
    except LookupError:
        raise InvalidBody(f"The key {path!r} is missing from the message.") from None
