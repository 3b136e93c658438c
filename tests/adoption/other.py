"""What another package of this app label leaves in a database: its tables, from a description of its releases."""

from __future__ import annotations

import json
from pathlib import Path

from django.contrib.auth.models import User
from django.db import connections, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

LABEL = "django_aws_api_gateway_websockets"
RELEASES = ("1.0.22", "4.1.0")
MODELS = {
    "apigateway": "ApiGateway",
    "apigatewayadditionalroute": "ApiGatewayAdditionalRoute",
    "channelpermission": "ChannelPermission",
    "channelpermissionrule": "ChannelPermissionRule",
    "connectionratelimit": "ConnectionRateLimit",
    "websocketsession": "WebSocketSession",
    "websockettoken": "WebSocketToken",
}


def described(release):
    return json.loads((Path(__file__).parent / f"other-{release}.json").read_text())


def install(alias, release):
    """Make the tables of ``release``, as Django names their indexes, and say that its migrations have run."""
    connection = connections[alias]
    description = described(release)
    executor = MigrationExecutor(connection)
    executor.migrate([key for key in executor.loader.graph.leaf_nodes() if key[0] != LABEL])
    executor.loader.build_graph()
    state = executor.loader.project_state([key for key in executor.loader.graph.leaf_nodes() if key[0] != LABEL])
    with connection.schema_editor(atomic=True) as editor:
        for suffix, name in MODELS.items():
            table = description["tables"].get(f"{LABEL}_{suffix}")
            if table is None:
                continue
            operation = migrations.CreateModel(name, _fields(suffix, table), _options(table))
            before = state.clone()
            operation.state_forwards(LABEL, state)
            operation.database_forwards(LABEL, editor, before, state)
    for migration in description["migrations"]:
        MigrationRecorder(connection).record_applied(LABEL, migration)
    return state.apps


def _fields(suffix, table):
    references = {one["columns"][0]: one["foreign_key"][0] for one in table["constraints"] if one["foreign_key"]}
    alone = [one for one in table["constraints"] if len(one["columns"]) == 1]
    fields = [("id", models.BigAutoField(primary_key=True))]
    for column, facts in table["columns"].items():
        options = {"null": facts["null"]}
        if any(one["unique"] for one in alone if one["columns"] == [column]):
            options["unique"] = True
        elif any(one["index"] for one in alone if one["columns"] == [column]):
            options["db_index"] = True
        if column in references:
            options.pop("db_index", None)
            target = references[column]
            to = "auth.User" if target == "auth_user" else f"{LABEL}.{MODELS[target[len(LABEL) + 1 :]]}"
            fields.append((column[:-3], models.ForeignKey(to, models.CASCADE, related_name="+", **options)))
        elif column != "id":
            fields.append((column, _field(column, facts, options)))
    if suffix == "channelpermissionrule":
        fields.append(("permissions", models.ManyToManyField("auth.Permission", related_name="+")))
    return fields


def _field(column, facts, options):
    if column == "tags":
        return models.JSONField(**options)
    if facts["type"].startswith("varchar"):
        return models.CharField(max_length=facts["max_length"], **options)
    kinds = {
        "bool": models.BooleanField,
        "datetime": models.DateTimeField,
        "bigint unsigned": models.PositiveBigIntegerField,
        "char(39)": models.GenericIPAddressField,
    }
    return kinds[facts["type"]](**options)


def _options(table):
    several = [one for one in table["constraints"] if len(set(one["columns"])) > 1]
    names = lambda one: [column[:-3] if column.endswith("_gateway_id") else column for column in one["columns"]]  # noqa: E731
    indexes = [
        models.Index(fields=names(one), name=f"other_{'_'.join(names(one))}"[:30])
        for one in several
        if one["index"] and not one["unique"]
    ]
    return {"unique_together": {tuple(names(one)) for one in several if one["unique"]}, "indexes": indexes}


def user(alias, name, password="secret"):
    made = User(username=name)
    made.set_password(password)
    made.save(using=alias)
    return made
