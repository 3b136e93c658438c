"""The ``request.session`` of a message: a stand-in that explains why the session is not available."""

from __future__ import annotations

from typing import Any, NoReturn

from ..exceptions import NoSessionInMessage

__all__ = ["NoSession"]


class NoSession:
    """A stand-in for ``request.session`` that raises ``NoSessionInMessage`` whenever it is used.

    A message carries no cookie, and rows keep only a hash of the session key. An empty session would be saved as a new
    row for each message. ``SessionMiddleware`` reads the attributes below.
    """

    accessed = False
    modified = False

    def is_empty(self) -> bool:
        """Return True, so that ``SessionMiddleware`` saves nothing."""
        return True

    def _refuse(self, *args: Any) -> NoReturn:
        raise NoSessionInMessage(
            "request.session is not available in a message or a $disconnect, because they carry no cookie. "
            "Read what you need in connect() and keep it in a model, or use request.user."
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    __getitem__ = __setitem__ = __delitem__ = __contains__ = __iter__ = _refuse
