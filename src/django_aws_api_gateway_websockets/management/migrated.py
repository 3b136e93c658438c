"""Commands that read the tables of this package, and say so if the tables are missing or out of date."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections, router
from django.db.migrations.executor import MigrationExecutor

from ..models import ApiGateway


class DatabaseCommand(BaseCommand):
    """A command that reads the tables of this package."""

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute(*args, **options)
        except DatabaseError as error:
            if _is_migrated():
                raise
            raise CommandError(
                "The tables of this package are missing or out of date. Run manage.py migrate."
            ) from error


def _is_migrated() -> bool:
    """Return whether the database has every migration of this package, or cannot be asked."""
    try:
        executor = MigrationExecutor(connections[router.db_for_write(ApiGateway)])
    except DatabaseError:
        return True  # The database is down, so the first error is the better one.
    app = ApiGateway._meta.app_label
    return not executor.migration_plan([node for node in executor.loader.graph.leaf_nodes() if node[0] == app])
