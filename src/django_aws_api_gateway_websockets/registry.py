"""Parts of this package that a setting selects, by a short name or by the dotted path of your own."""

from __future__ import annotations

from typing import Any, Mapping

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from .conf import SETTING


class Registry:
    """The parts that the key ``key`` of ``WEBSOCKETS`` can name. ``paths`` maps a short name to a dotted path."""

    def __init__(self, key: str, paths: Mapping[str, str]) -> None:
        self.key = key
        self._paths = paths

    @property
    def choices(self) -> str:
        """Return the values that the setting may have, for a message."""
        return f"{', '.join(repr(name) for name in self._paths)} or the dotted path of your own".replace("'", '"')

    def find(self, name: Any) -> Any:
        """Import the part that ``name`` stands for. Raise ``ImproperlyConfigured`` if there is none."""
        path = self._paths.get(name, name) if isinstance(name, str) else ""
        if "." not in path:
            raise ImproperlyConfigured(f'{SETTING}["{self.key}"] is {name!r}. Use {self.choices}.')
        try:
            return import_string(path)
        except ImportError as error:
            raise ImproperlyConfigured(
                f'{SETTING}["{self.key}"] is {name!r}, which cannot be imported: {error}.'
            ) from error
