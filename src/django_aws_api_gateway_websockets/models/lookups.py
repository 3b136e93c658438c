"""A condition that compares a column with many values."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import F
from django.db.models.lookups import In

from .batches import ROWS_PER_STATEMENT


class IsAnyOf(In):
    """The condition ``column IN (values)``, for ``filter()``.

    PostgreSQL gets the values as one array, because its driver and its parser need about 2 ms for 1,000 parameters.
    SQLite gets many values as JSON, because it limits the number of parameters.
    """

    def __init__(self, column: str, values: Any) -> None:
        super().__init__(F(column), list(values))

    def get_prep_lookup(self) -> Any:
        return self.rhs  # The field is not known yet.

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        resolved = super().resolve_expression(*args, **kwargs)
        resolved.rhs = super(IsAnyOf, resolved).get_prep_lookup()
        return resolved

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, parameters, values = self._parts(compiler, connection)
        return f"{column} = ANY(%s)", [*parameters, values]

    def as_sqlite(self, compiler: Any, connection: Any) -> Any:
        if len(self.rhs) <= ROWS_PER_STATEMENT:
            return self.as_sql(compiler, connection)
        column, parameters, values = self._parts(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each(%s))", [*parameters, json.dumps(values)]  # noqa: S608

    def _parts(self, compiler: Any, connection: Any) -> tuple[str, list[Any], list[Any]]:
        values: Any = [value for value in self.rhs if value is not None]
        if not values:
            raise EmptyResultSet
        column, parameters = self.process_lhs(compiler, connection)
        return column, list(parameters), list(self.get_db_prep_lookup(values, connection)[1])
