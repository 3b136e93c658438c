"""The fields of a model, for its entry in the reference: Sphinx shows a model field as a descriptor without a type."""

from __future__ import annotations

from typing import Any, Iterator

from django.db import models


def add_fields(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Append the fields to the docstring of a model: Sphinx calls this for every object."""
    if what == "class" and isinstance(obj, type) and issubclass(obj, models.Model) and not obj._meta.abstract:
        lines += ["", "Fields:", "", *field_lines(obj), ""]


def field_lines(model: type[models.Model]) -> Iterator[str]:
    """One list item per field: its name, its type, its default and its help text."""
    for field in model._meta.get_fields():
        if not field.auto_created:
            yield f"- ``{field.name}`` ({', '.join(_facts(field))}): {_meaning(field)}"


def _facts(field: Any) -> Iterator[str]:
    kind = type(field)
    while kind.__module__.partition(".")[0] != "django":
        kind = kind.__bases__[0]
    yield f"to {field.related_model.__name__}" if field.is_relation else kind.__name__
    if field.choices:
        yield "one of " + " ".join(f"``{value!r}``" for value, _ in field.choices)
    if field.has_default() and not callable(field.default):
        yield f"default ``{field.default!r}``"
    if field.is_relation:
        yield f"related name ``{field.remote_field.related_name}``"
    if not field.editable:
        yield "filled by the package"


def _meaning(field: Any) -> str:
    text = str(field.help_text or field.verbose_name).strip()
    escaped = text.replace("\\", "\\\\").replace("*", "\\*").replace("_", "\\_").replace("`", "\\`")
    return escaped if escaped.endswith(".") else f"{escaped}."
