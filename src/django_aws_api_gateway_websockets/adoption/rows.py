"""Copy the rows of the kept tables into this package's tables, under the same primary keys."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from contextlib import contextmanager
from typing import Any, Iterator

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.color import no_style

from .channels import rules_of
from .former import Former

_LABEL = "django_aws_api_gateway_websockets"
_BATCH = 1000

_GATEWAY_TEXTS = (
    "api_name",
    "api_description",
    "default_channel_name",
    "domain_name",
    "target_base_endpoint",
    "certificate_arn",
    "hosted_zone_id",
    "api_key_selection_expression",
    "route_selection_expression",
    "route_key",
    "stage_name",
    "stage_description",
    "api_endpoint",
    "api_gateway_domain_name",
    "api_mapping_id",
)
_ROUTE_FIELDS = ("name", "route_key", "integration_url", "deployed", "api_gateway_id")


def bring_over(apps: Any, schema_editor: Any) -> None:
    """Copy gateways, routes, channel permissions and open connections from the kept tables.

    The kept tables do not change.
    """
    connection = schema_editor.connection
    user_model = apps.get_model(settings.AUTH_USER_MODEL)
    former = Former(connection, user_model)
    names = ("ApiGateway", "ApiGatewayAdditionalRoute", "WebSocketSession", "ChannelRule")
    models = [apps.get_model(_LABEL, name) for name in names]
    gateway, route, session, rule = models
    notes: Counter[str] = Counter()
    with _times_as_they_were(models):
        gateways = _copy(connection, gateway, former, "apigateway", _Gateways(gateway, notes))
        routes = _copy(
            connection, route, former, "apigatewayadditionalroute", lambda rows: [_route(route, one) for one in rows]
        )
        sessions = _Sessions(session, user_model, connection.alias, _only(gateway, connection.alias), notes)
        connections = _copy(connection, session, former, "websocketsession", sessions)
        rules = _write(connection, rule, _numbered(rules_of(former, rule, notes)))
    _reset_sequences(connection, models)
    counts = {"gateways": gateways, "routes": routes, "open connections": connections, "channel rules": rules}
    _tell(counts, notes)


def _copy(connection: Any, model: Any, former: Former, suffix: str, convert: Any) -> int:
    return sum(_write(connection, model, convert(batch)) for batch in former.rows(suffix, _BATCH))


def _write(connection: Any, model: Any, rows: list[Any]) -> int:
    # On MariaDB, the rows of a failed run remain, unless the run was recorded.
    objects = model.objects.using(connection.alias)
    there = set(objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    new = [row for row in rows if row.pk not in there]
    objects.bulk_create(new, batch_size=_BATCH)
    return len(new)


def _numbered(rows: list[Any]) -> list[Any]:
    """Give rules the same keys in each run. In the kept tables, they come from several tables."""
    for number, row in enumerate(rows, start=1):
        row.pk = number
    return rows


class _Gateways:
    """Converts rows of gateways.

    In this package, an API belongs to one row. In the kept tables, it may belong to several.
    """

    def __init__(self, model: Any, notes: Counter[str]) -> None:
        self._model, self._notes = model, notes
        self._api_ids: set[str] = set()

    def __call__(self, rows: list[Any]) -> list[Any]:
        return [self._one(row) for row in rows]

    def _one(self, row: Any) -> Any:
        values = {name: self._text(name, getattr(row, name, "")) for name in _GATEWAY_TEXTS}
        api_id = row.api_id or None
        if api_id in self._api_ids:
            self._notes[
                f"the gateway {row.api_name!r} names the API {api_id}, which belongs to another row: cleared"
            ] += 1
            api_id = None
        elif api_id:
            self._api_ids.add(api_id)
        return self._model(
            pk=row.id,
            **values,
            tags=row.tags or {},
            api_id=api_id,
            api_created=bool(row.api_created and api_id),
            custom_domain_created=bool(row.custom_domain_created and api_id),
            # The other package does not send this package's secret. updateApiGateway adds it.
            sends_secret=False if row.api_created and api_id else None,
            served_stage_name=values["stage_name"] if row.api_created else "",
            mapped_domain_name=values["domain_name"] if row.custom_domain_created else "",
            last_error=getattr(row, "last_error", "") or "",
            created_on=row.created_on,
            updated_on=row.updated_on,
        )

    def _text(self, name: str, value: str | None) -> str:
        limit = self._model._meta.get_field(name).max_length
        text = value or ""
        if len(text) > limit:
            self._notes[
                f"{name} of a gateway is longer than the {limit} characters that AWS accepts, so it was cut"
            ] += 1
        return text[:limit]


def _route(model: Any, row: Any) -> Any:
    return model(pk=row.id, **{name: getattr(row, name) for name in _ROUTE_FIELDS})


class _Sessions:
    """Converts rows of open connections. Closed ones stay in the kept table."""

    def __init__(self, model: Any, user_model: Any, alias: str, only_gateway: int | None, notes: Counter[str]) -> None:
        self._model, self._user_model, self._alias = model, user_model, alias
        self._only_gateway, self._notes = only_gateway, notes
        self._longest = {name: model._meta.get_field(name).max_length for name in ("connection_id", "channel_name")}

    def __call__(self, rows: list[Any]) -> list[Any]:
        rows = [row for row in rows if row.connected and self._fits(row)]
        hashes = self._auth_hashes(rows)
        return [self._one(row, hashes[row.user_id]) for row in rows]

    def _fits(self, row: Any) -> bool:
        if row.api_gateway_id is None and self._only_gateway is None:
            self._notes["open connections without a gateway, left out because there is not exactly one gateway"] += 1
            return False
        if any(len(getattr(row, name)) > limit for name, limit in self._longest.items()):
            self._notes["open connections left out, because their ids are not ids of API Gateway"] += 1
            return False
        return True

    def _auth_hashes(self, rows: list[Any]) -> dict[Any, str]:
        """Return the session auth hash of users whose rows have none, because the first releases did not store it."""
        lacking = {row.user_id for row in rows if row.user_id is not None and not getattr(row, "auth_hash", "")}
        found = self._user_model.objects.using(self._alias).in_bulk(list(lacking)) if lacking else {}
        return defaultdict(str, {key: _auth_hash(user) for key, user in found.items()})

    def _one(self, row: Any, auth_hash: str) -> Any:
        return self._model(
            pk=row.id,
            connection_id=row.connection_id,
            channel_name=row.channel_name,
            connected=True,
            user_id=row.user_id,
            api_gateway_id=row.api_gateway_id if row.api_gateway_id is not None else self._only_gateway,
            session_auth_hash=getattr(row, "auth_hash", "") or auth_hash,
            last_activity_on=row.updated_on,
            created_on=row.created_on,
            updated_on=row.updated_on,
        )


def _auth_hash(user: Any) -> str:
    """Return the hash of a user of the migration's models, by the method of the real user model."""
    real = get_user_model()
    names = [field.attname for field in real._meta.concrete_fields]
    copy: Any = real(**{name: getattr(user, name) for name in names if hasattr(user, name)})
    return str(copy.get_session_auth_hash()) if hasattr(copy, "get_session_auth_hash") else ""


def _only(gateway: Any, alias: str) -> int | None:
    keys = list(gateway.objects.using(alias).values_list("pk", flat=True)[:2])
    return keys[0] if len(keys) == 1 else None


@contextmanager
def _times_as_they_were(models: list[Any]) -> Iterator[None]:
    """Inside this block, ``created_on`` and ``updated_on`` keep the values that they are given."""
    fields = [field for model in models for field in model._meta.local_fields if hasattr(field, "auto_now")]
    before = [(field, field.auto_now, field.auto_now_add) for field in fields]
    for field in fields:
        field.auto_now = field.auto_now_add = False
    try:
        yield
    finally:
        for field, auto_now, auto_now_add in before:
            field.auto_now, field.auto_now_add = auto_now, auto_now_add


def _reset_sequences(connection: Any, models: list[Any]) -> None:
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def _tell(counts: dict[str, int], notes: Counter[str]) -> None:
    if any(counts.values()):
        found = ", ".join(f"{count} {name}" for name, count in counts.items())
        sys.stdout.write(f"\n    Copied from the tables of another package: {found}.\n")
    for note, count in notes.items():
        sys.stdout.write(f"    {count} x {note}.\n")
