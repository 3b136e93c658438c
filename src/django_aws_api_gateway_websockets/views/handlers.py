"""The handlers of a view: which methods are handlers, which names select them, and with which arguments they run."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Callable, Iterable, Mapping

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured

__all__ = [
    "HandlerDeclaration",
    "declaration_of",
    "handler",
    "handler_table",
    "has_coroutines",
    "method_name",
    "signature_problem",
    "taken_arguments",
]

_ATTRIBUTE = "websocket_handler"
_RESERVED = ("connect", "disconnect")
# Attributes that the view sets on itself for each event. They would hide a method of the same name.
_SET_ON_THE_VIEW = frozenset(
    (
        "args",
        "api_gateway",
        "body",
        "channels_answer",
        "debug_log",
        "envelope",
        "event",
        "kwargs",
        "replied",
        "request",
        "text",
        "websocket_session",
    )
)
#: The parameter that each URL of a view has.
URL_PARAMETERS = frozenset(("route",))


@dataclass(frozen=True)
class HandlerDeclaration:
    """What ``@handler`` declares about a method."""

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
    """Declare that a method is a handler, which names select it, and who may use it.

    ::

        @handler("room.rename", permission_required="chat.change_room")
        def rename(self, request, *args, **kwargs): ...

    Names replace the method's own name. Without names, the method keeps its own name, and you can write ``@handler``
    without parentheses.
    """
    if len(names) == 1 and callable(names[0]):
        return handler()(names[0])
    if not (permission_required is None or isinstance(permission_required, str)):
        # A generator would be empty from the second message on.
        permission_required = tuple(permission_required)
    declaration = HandlerDeclaration(names, login_required, permission_required, tuple(permission_classes))

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(function, _ATTRIBUTE, declaration)
        return function

    return declare


def declaration_of(function: Any) -> HandlerDeclaration | None:
    """Return what ``@handler`` declared about ``function``, or None if it was not used."""
    declaration: HandlerDeclaration | None = getattr(function, _ATTRIBUTE, None)
    return declaration


_tables: dict[tuple[type, type, frozenset[str]], Mapping[str, str]] = {}


def handler_table(view: type, base: type, url_parameters: Iterable[str] = URL_PARAMETERS) -> Mapping[str, str]:
    """Return the names by which a message can select a handler of ``view``, each with the name of the method.

    A handler is a method that a class of the project defines below ``base``. It is declared with ``@handler``, or its
    first parameter is ``request`` and it can be called with the ``url_parameters``. Attributes, methods of ``base``
    and names that begin with ``_`` are never handlers.

    Raise ``ImproperlyConfigured`` if a handler has a name that messages cannot or may not select.
    """
    key = (view, base, frozenset(url_parameters))
    if key not in _tables:
        _tables[key] = _make_table(*key)
    return _tables[key]


def _make_table(view: type, base: type, url_parameters: frozenset[str]) -> Mapping[str, str]:
    table: dict[str, str] = {}
    for attribute in _own_attributes(view, base):
        for name in _names(view, base, attribute, url_parameters):
            if not isinstance(name, str) or name.startswith("_") or name in _RESERVED:
                raise ImproperlyConfigured(
                    f"{view.__name__}.{attribute}: messages may not pick {name!r}. Declare another name with @handler."
                )
            if name in table:
                raise ImproperlyConfigured(
                    f"{view.__name__} has two handlers for {name!r}: {table[name]} and {attribute}."
                )
            table[name] = attribute
    return table


def _own_attributes(view: type, base: type) -> list[str]:
    # Django's own mixins have methods such as get() and post() that take a request but are not handlers.
    own = [cls for cls in view.__mro__ if not issubclass(base, cls) and cls.__module__.partition(".")[0] != "django"]
    return sorted({name for cls in own for name in vars(cls)})


def has_coroutines(view: type, base: type) -> bool:
    """Return whether the project's classes below ``base`` have an ``async def`` method."""
    return _has_coroutines(view, base)


@lru_cache(maxsize=1024)
def _has_coroutines(view: type, base: type) -> bool:
    return any(iscoroutinefunction(inspect.getattr_static(view, name)) for name in _own_attributes(view, base))


def _names(view: type, base: type, attribute: str, url_parameters: frozenset[str]) -> tuple[str, ...]:
    function = inspect.getattr_static(view, attribute)
    if not inspect.isfunction(function):
        return ()
    declaration = declaration_of(function)
    overrides = hasattr(base, attribute)
    if declaration is None:
        is_handler = not overrides and not attribute.startswith("_") and _takes_request(function, url_parameters)
    else:
        # On connect and disconnect themselves, the declaration only restricts who may use them.
        is_handler = bool(declaration.names) or attribute not in _RESERVED
    if not is_handler:
        return ()
    names = (declaration and declaration.names) or (attribute,)
    if overrides or attribute in _SET_ON_THE_VIEW:
        raise ImproperlyConfigured(
            f"{view.__name__}.{attribute}: the view itself uses self.{attribute}. Rename the method. With "
            f"@handler({names[0]!r}) above it, messages can still pick it by that name."
        )
    return names


def _takes_request(function: Any, url_parameters: frozenset[str]) -> bool:
    """Return whether ``function`` can be called as Django calls a view: with the request and the URL's parameters.

    Other methods are the site's own helpers. Messages must not be able to call them, so such a method needs
    ``@handler`` to become a handler.
    """
    signature = inspect.signature(function)
    if list(signature.parameters)[1:2] != ["request"]:
        return False
    try:
        signature.bind(None, None, **dict.fromkeys(url_parameters, ""))
    except TypeError:
        return False
    return True


def method_name(view: type, base: type, name: object, url_parameters: Iterable[str]) -> str | None:
    """Return the method of ``view`` that handles ``name``, or None. A hyphen in ``name`` matches an underscore."""
    if not isinstance(name, str):
        return None
    table = handler_table(view, base, url_parameters)
    return table.get(name) or table.get(name.replace("-", "_"))


def signature_problem(view: type, base: type, name: object, url_parameters: Iterable[str]) -> str:
    """Return why the method ``name`` of ``view`` is not a handler. Return "" if it is one, or does not exist."""
    if not isinstance(name, str) or name.startswith("_") or hasattr(base, name):
        return ""
    function = inspect.getattr_static(view, name, None)
    if not inspect.isfunction(function) or name in handler_table(view, base, url_parameters):
        return ""
    taken = ", ".join(map(str, inspect.signature(function).parameters.values()))
    return (
        f"{view.__name__}.{name}({taken}) is not a handler. Give it the parameters (self, request, *args, **kwargs), "
        "or put @handler above it."
    )


def taken_arguments(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Return those of ``args`` and ``kwargs`` that ``function`` accepts besides the request.

    Raise ``ImproperlyConfigured`` if it needs a parameter that the URL does not have.
    """
    # Each event gets a new view instance with new bound methods, but their functions stay the same.
    bound = inspect.ismethod(function)
    takes_args, names = _taken(function.__func__ if bound else function, bound, len(args), tuple(kwargs))
    return args if takes_args else (), {name: kwargs[name] for name in names}


@lru_cache(maxsize=1024)
def _taken(function: Any, bound: bool, positional: int, names: tuple[str, ...]) -> tuple[bool, tuple[str, ...]]:
    """Return whether ``function`` takes that many positional arguments of the URL, and which of its ``names``."""
    signature = inspect.signature(function)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        names = tuple(name for name in names if name in signature.parameters)
    takes_args = inspect.Parameter.VAR_POSITIONAL in kinds
    given = (None,) * (bound + 1 + (positional if takes_args else 0))  # self, the request and those of the URL
    try:
        signature.bind(*given, **dict.fromkeys(names))
    except TypeError as error:
        raise ImproperlyConfigured(
            f"{getattr(function, '__qualname__', function)} cannot be called as a handler: {error}. "
            "A handler takes the request and the parameters of its URL."
        ) from None
    return takes_args, names
