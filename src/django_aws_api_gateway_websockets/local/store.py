"""The resources of the control plane, in memory and optionally in a JSON file."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, Tuple

Resource = Dict[str, Any]
Ids = Tuple[str, ...]

_VERSION = 1


class StateFileError(Exception):
    """The state file cannot be read or belongs to something else. It is not changed."""


class Store:
    """Resources by kind (``Route``) and path (``API_ID/ROUTE_ID``), in the order of their creation.

    Every change is saved at once, with a temporary file and a rename. A reader sees either the old or the new state,
    even if the gateway is killed.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._kinds: dict[str, dict[str, Resource]] = _load(path) if path and path.exists() else {}
        if path is not None and not path.parent.is_dir():
            raise StateFileError(f"{path}: the directory does not exist")

    def get(self, kind: str, *ids: str) -> Resource | None:
        return self._kinds.get(kind, {}).get("/".join(ids))

    def children(self, kind: str, *ids: str) -> list[tuple[Ids, Resource]]:
        """Return path and resource of each ``kind`` below ``ids``. Without ids, return all."""
        prefix = "".join(f"{part}/" for part in ids)
        found = self._kinds.get(kind, {}).items()
        return [(tuple(key.split("/")), value) for key, value in found if key.startswith(prefix)]

    def put(self, kind: str, ids: Ids, resource: Resource) -> None:
        self._kinds.setdefault(kind, {})["/".join(ids)] = resource

    def remove(self, kind: str, ids: Ids) -> None:
        """Remove the resource and everything below it."""
        key = "/".join(ids)
        self._kinds.get(kind, {}).pop(key, None)
        for resources in self._kinds.values():
            for child in [child for child in resources if child.startswith(f"{key}/")]:
                del resources[child]

    def save(self) -> None:
        """Write the state file, if there is one. Raise OSError if that fails."""
        if self._path is None:
            return
        text = json.dumps({"version": _VERSION, "resources": self._kinds}, indent=1)
        handle, name = tempfile.mkstemp(dir=str(self._path.parent), prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink()
            raise


def _load(path: Path) -> dict[str, dict[str, Resource]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StateFileError(f"{path}: cannot be read as a state file ({error})") from error
    kinds = data.get("resources") if isinstance(data, dict) and data.get("version") == _VERSION else None
    if not isinstance(kinds, dict) or not all(_is_table(table) for table in kinds.values()):
        raise StateFileError(f"{path}: not a state file of the local gateway")
    return kinds


def _is_table(table: Any) -> bool:
    return isinstance(table, dict) and all(isinstance(resource, dict) for resource in table.values())
