"""Pagination for a list with a million rows."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pagination of the first ``LIMIT`` rows only, so that the database never counts all of them."""

    LIMIT = 10_000

    @cached_property
    def count(self) -> int:
        """The number of rows, up to ``LIMIT``."""
        rows: Any = self.object_list
        return int(rows.order_by().select_related(None)[: self.LIMIT].count())
