"""Which methods of a view are handlers, by which names a message picks them, and what they ask of the user."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Mapping

from django.core.exceptions import ImproperlyConfigured

_ATTRIBUTE = "websocket_handler"
_RESERVED = ("connect", "disconnect")
# What the view sets on itself for each event: a method of that name is hidden by it.
_SET_ON_THE_VIEW = frozenset(
    ("args", "api_gateway", "body", "debug_log", "event", "kwargs", "request", "websocket_session")
)


@dataclass(frozen=True)
class HandlerDeclaration:
    """What ``@handler`` says of a method."""

    names: tuple[str, ...] = ()
    login_required: bool = False
    permission_required: str | Iterable[str] | None = None
    permission_classes: Iterable[Any] = ()


def handler(
    *names: Any,
    login_required: bool = False,
    permission_required: str | Iterable[str] | None = None,
    permission_classes: Iterable[Any] = (),
) -> Any:
    """Declare a handler: by other names than its own, or only for users who may use it.

    ::

        @handler("room.rename", permission_required="chat.change_room")
        def rename(self, request, *args, **kwargs): ...

    With names, the method's own name picks it no longer. Without, it keeps its own: ``@handler`` alone will do.
    """
    if len(names) == 1 and callable(names[0]):
        return handler()(names[0])
    declaration = HandlerDeclaration(names, login_required, permission_required, tuple(permission_classes))

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(function, _ATTRIBUTE, declaration)
        return function

    return declare


def declaration_of(function: Any) -> HandlerDeclaration | None:
    """What ``@handler`` said of ``function``; None where it was not used."""
    declaration: HandlerDeclaration | None = getattr(function, _ATTRIBUTE, None)
    return declaration


_tables: dict[tuple[type, type], Mapping[str, str]] = {}


def handler_table(view: type, base: type) -> Mapping[str, str]:
    """The names by which a message may pick a method of ``view``, each with the method's own name.

    A handler is a function that a class of the project defines, below ``base``: declared by ``@handler``, or with
    ``request`` as its first parameter. Not an attribute, nothing that ``base`` has, no name that begins with ``_``.
    Raises ``ImproperlyConfigured`` for a handler that no message could reach, or that none may.
    """
    if (view, base) not in _tables:
        _tables[view, base] = _make_table(view, base)
    return _tables[view, base]


def _make_table(view: type, base: type) -> Mapping[str, str]:
    # Django's own mixins have methods such as get() and post(), which take a request and are no handlers.
    own = [cls for cls in view.__mro__ if not issubclass(base, cls) and cls.__module__.partition(".")[0] != "django"]
    table: dict[str, str] = {}
    for attribute in sorted({name for cls in own for name in vars(cls)}):
        for name in _names(view, base, attribute):
            if not isinstance(name, str) or name.startswith("_") or name in _RESERVED:
                raise ImproperlyConfigured(
                    f"{view.__name__}.{attribute}: no message may pick {name!r}: declare another name by @handler."
                )
            if name in table:
                raise ImproperlyConfigured(
                    f"{view.__name__} has two handlers for {name!r}: {table[name]} and {attribute}."
                )
            table[name] = attribute
    return table


def _names(view: type, base: type, attribute: str) -> tuple[str, ...]:
    function = inspect.getattr_static(view, attribute)
    if not inspect.isfunction(function):
        return ()
    declaration = declaration_of(function)
    overrides = hasattr(base, attribute)
    if declaration is None:
        is_handler = not overrides and not attribute.startswith("_") and _takes_request(function)
    else:
        # On connect and disconnect themselves it says who may use them.
        is_handler = bool(declaration.names) or attribute not in _RESERVED
    if not is_handler:
        return ()
    names = (declaration and declaration.names) or (attribute,)
    if overrides or attribute in _SET_ON_THE_VIEW:
        raise ImproperlyConfigured(
            f"{view.__name__}.{attribute}: self.{attribute} is the view's own. Rename the method; "
            f"@handler({names[0]!r}) above it lets messages pick it all the same."
        )
    return names


def wrong_signature(view: type, base: type, name: object) -> bool:
    """Whether ``name`` is a method that would be a handler, if it could be called as one."""
    if not isinstance(name, str) or name.startswith("_") or hasattr(base, name) or name in handler_table(view, base):
        return False
    return inspect.isfunction(inspect.getattr_static(view, name, None))


def _takes_request(function: Any) -> bool:
    if not inspect.isfunction(function):
        return False
    signature = inspect.signature(function)
    if list(signature.parameters)[1:2] != ["request"]:
        return False
    try:
        # As the view calls it. What cannot be called so is somebody's helper, and no message may make it fail.
        signature.bind(None, None, route="")
    except TypeError:
        return False
    return True
