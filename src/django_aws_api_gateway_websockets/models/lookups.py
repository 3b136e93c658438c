"""A condition that compares a column with many values."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import F
from django.db.models.lookups import In


class IsAnyOf(In):
    """The condition ``column IN (values)``, for ``filter()``.

    PostgreSQL gets the values as one array. Its driver and its parser take about 2 ms longer for 1,000 parameters.
    """

    def __init__(self, column: str, values: Any) -> None:
        super().__init__(F(column), list(values))

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        if not self.rhs:
            raise EmptyResultSet
        column, parameters = self.process_lhs(compiler, connection)
        prepare = self.lhs.output_field.get_db_prep_value
        return f"{column} = ANY(%s)", [*parameters, [prepare(value, connection) for value in self.rhs]]
