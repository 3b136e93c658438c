"""Indexes of connected rows: partial indexes if the database has them, ordinary ones otherwise."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from .rows import MAY_OPEN, ClosedReason


class ConnectedIndex(models.Index):
    """An index that finds connected rows by ``fields``, however many closed rows there are.

    On PostgreSQL and SQLite it contains the connected rows only. On databases without partial indexes it contains
    every row, with ``connected`` after the first of ``fields``, so that rows can be read in the order of the others.
    """

    #: The condition for the rows that a partial index contains.
    contains = Q(connected=True)

    def create_sql(self, model: type[models.Model], schema_editor: Any, using: str = "", **kwargs: Any) -> Any:
        index: models.Index
        if schema_editor.connection.features.supports_partial_indexes:
            index = models.Index(fields=self.fields, name=self.name, condition=self.contains)
        else:
            first, *others = self.fields
            index = models.Index(fields=[first, "connected", *others], name=self.name)
        return index.create_sql(model, schema_editor, using, **kwargs)


class UniqueIfSet(models.UniqueConstraint):
    """A unique constraint whose last field can be null. If the database allows it, its index leaves out rows with null.

    On MariaDB, Django does not create constraints with a condition, so the index contains every row.
    """

    def _plain(self, schema_editor: Any) -> models.UniqueConstraint:
        partial = schema_editor.connection.features.supports_partial_indexes
        condition = Q(**{f"{self.fields[-1]}__isnull": False}) if partial else None
        return models.UniqueConstraint(fields=self.fields, name=self.name, condition=condition)

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        return self._plain(schema_editor).constraint_sql(model, schema_editor)

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        return self._plain(schema_editor).create_sql(model, schema_editor)

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        return self._plain(schema_editor).remove_sql(model, schema_editor)


class SpeakingIndex(ConnectedIndex):
    """An index that also contains the closed rows that may be opened, or opened again."""

    contains = Q(connected=True) | Q(closed_reason__in=[*MAY_OPEN, ClosedReason.WAITING])
