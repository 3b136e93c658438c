"""The option ``socket_view`` of the views for pages: the class whose rules they apply."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from .view import WebSocketView

__all__ = ["checked_socket_view"]


def checked_socket_view(owner: type, given: Any) -> type[WebSocketView]:
    """Return ``given``, the option ``socket_view`` of the view ``owner``. Raise ``ImproperlyConfigured`` otherwise.

    There is no default. The bare ``WebSocketView`` lets everybody join every channel.
    """
    if isinstance(given, type) and issubclass(given, WebSocketView):
        return given
    remedy = f"Pass the class that handles your socket's events: {owner.__name__}.as_view(socket_view=ChatView)."
    if given is None:
        raise ImproperlyConfigured(f"{owner.__name__} has no socket_view. {remedy}")
    raise ImproperlyConfigured(
        f"socket_view of {owner.__name__} is {_kind(given)}, not a WebSocketView class. {remedy}"
    )


def _kind(given: Any) -> str:
    view_class = getattr(given, "view_class", None)
    if isinstance(view_class, type):
        return f"the result of {view_class.__name__}.as_view()"
    if isinstance(given, WebSocketView):
        return f"an instance of {type(given).__name__}"
    if isinstance(given, type):
        return f"the class {given.__name__}"
    return f"{given!r:.80}"
