"""The kept tables as models with the columns that they really have, because the columns differ between releases."""

from __future__ import annotations

from typing import Any

from django.apps.registry import Apps
from django.db import models

from .tables import KEPT


class Former:
    """Reads the kept tables of one database."""

    def __init__(self, connection: Any, user_model: Any) -> None:
        self._connection = connection
        self._apps = Apps()
        self._user_key = _plain_key(user_model)
        with connection.cursor() as cursor:
            self._tables = set(connection.introspection.table_names(cursor))

    def rows(self, suffix: str, size: int) -> Any:
        """Yield lists of up to ``size`` rows of a kept table, by primary key.

        Yield nothing if the table does not exist.
        """
        table = KEPT + suffix
        if table not in self._tables:
            return
        model, last = self._model(table), None
        while True:
            # Read by key rather than by cursor, because rows are written meanwhile in the same transaction.
            found = model.objects.using(self._connection.alias).order_by("id")
            batch = list(found.filter(id__gt=last)[:size] if last is not None else found[:size])
            if not batch:
                return
            yield batch
            last = batch[-1].id

    def _model(self, table: str) -> Any:
        with self._connection.cursor() as cursor:
            columns = [one.name for one in self._connection.introspection.get_table_description(cursor, table)]
        meta = type("Meta", (), {"app_label": "former", "apps": self._apps, "db_table": table, "managed": False})
        fields = {name: self._field(name) for name in columns if name != "id"}
        body = {"id": models.BigIntegerField(primary_key=True), "Meta": meta, "__module__": __name__, **fields}
        return type(table.title().replace("_", ""), (models.Model,), body)

    def _field(self, column: str) -> Any:
        if column == "user_id":
            return self._user_key.clone()
        if column.endswith("_id") and column.rpartition("_")[0] in _REFERENCES:
            return models.BigIntegerField(null=True)
        kind = _KINDS.get(column, models.TextField)
        return kind(null=True)


_REFERENCES = ("api_gateway", "channel_permission", "channelpermissionrule", "permission")
_KINDS: dict[str, Any] = {
    "tags": models.JSONField,
    "created_on": models.DateTimeField,
    "updated_on": models.DateTimeField,
    **dict.fromkeys(("connected", "deployed", "api_created", "custom_domain_created"), models.BooleanField),
    "request_count": models.BigIntegerField,
}


def _plain_key(user_model: Any) -> Any:
    """Return a field that holds a primary key of ``user_model`` but is not a primary key itself."""
    key = user_model._meta.pk
    if isinstance(key, models.AutoField):
        return models.BigIntegerField(null=True)
    plain = key.clone()
    plain.primary_key, plain.null, plain.remote_field = False, True, None
    return plain
