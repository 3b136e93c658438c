"""A check for view options that nothing reads. They have no effect, although somebody may rely on them."""

from __future__ import annotations

import inspect
import sys
from types import CodeType
from typing import Any, Iterator

from django.core.checks import CheckMessage, Error, register

from ..views import WebSocketView
from ..views.mounted import mounted_views

#: Options and hooks of another package whose names do not look like options.
_OTHER_PACKAGE = ("aws_api_gateway_id", "can_join_channel")

_REMEDIES = {
    "permissions_required": "Use permission_required. It also accepts a list.",
    "ALLOWED_HANDLERS": "The public methods of your classes are handlers. Start the names of all other methods with "
    "an underscore.",
    "aws_api_gateway_id": "The gateway's secret proves which gateway sent an event. Delete the attribute.",
    "can_join_channel": "Rename the method to can_join(self, request, channel_name), or use channel_rules.",
    "USE_WS_TOKEN": "Use require_token = True and WebSocketTokenView.",
}
_ANY = "Rename it to an option of WebSocketView (docs: The view), or delete it."


@register("websockets")
def check_unread_options(**kwargs: Any) -> list[CheckMessage]:
    """E008: an attribute of a view looks like an option, but neither this package nor your code reads it."""
    views = {mounted.view for mounted in mounted_views(WebSocketView)}
    return [
        Error(
            f"{view.__module__}.{view.__qualname__}.{name} does nothing: no code reads it.",
            hint=f"In another package, it may have been access control. {_REMEDIES.get(name, _ANY)}",
            obj=view,
            id="websockets.E008",
        )
        for view in sorted(views, key=lambda view: (view.__module__, view.__qualname__))
        for name in unread_options(view)
    ]


def unread_options(view: type) -> list[str]:
    """Return the names of attributes of ``view`` that look like options and that no code reads."""
    own = [one for one in view.__mro__ if one not in WebSocketView.__mro__]
    names = {name for one in own for name in vars(one) if _looks_like_option(name) and not hasattr(WebSocketView, name)}
    if not names:
        return []
    read = {name for one in own for name in _names_read(one)}
    return sorted(names - read)


def _looks_like_option(name: str) -> bool:
    if name.startswith("_"):
        return False
    return name.isupper() or name.endswith("_required") or name in _OTHER_PACKAGE


def _names_read(owner: type) -> Iterator[str]:
    """Return the names that appear in the code of a class and of its module. Names in strings count too."""
    module = sys.modules.get(owner.__module__)
    for holder in (owner, module):
        for value in list(vars(holder).values()) if holder is not None else ():
            for function in _functions(value):
                yield from _names_in(function.__code__)
            if isinstance(value, type) and value.__module__ == owner.__module__ and value is not owner:
                yield from (
                    name for one in vars(value).values() for f in _functions(one) for name in _names_in(f.__code__)
                )


def _functions(value: Any) -> Iterator[Any]:
    if isinstance(value, property):
        candidates = [value.fget, value.fset]
    else:
        candidates = [getattr(value, "__func__", value), getattr(value, "func", None)]
    for one in candidates:
        unwrapped = inspect.unwrap(one) if callable(one) else one
        if inspect.isfunction(unwrapped):
            yield unwrapped


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
        elif isinstance(constant, str):
            yield constant
