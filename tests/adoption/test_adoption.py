"""``migrate`` on the database of a site that comes from another package of this label."""

from __future__ import annotations

import datetime as dt

import pytest
from django.apps import apps as django_apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DatabaseError, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from django_aws_api_gateway_websockets.models import (
    ApiGateway,
    ApiGatewayAdditionalRoute,
    ChannelRule,
    WebSocketSession,
)

from . import other

LABEL = other.LABEL
LONG_AGO = dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.timezone.utc if settings.USE_TZ else None)


def model(former, name):
    return former.get_model(LABEL, name)


def create(former, alias, kind_name, /, **values):
    kind = model(former, kind_name)
    names = {field.name for field in kind._meta.get_fields()} | {field.attname for field in kind._meta.concrete_fields}
    for field in kind._meta.concrete_fields:
        if field.get_internal_type() == "DateTimeField":
            values.setdefault(field.name, LONG_AGO)
        elif field.get_internal_type() == "CharField" and not field.null:
            values.setdefault(field.name, "")
        elif field.get_internal_type() == "PositiveBigIntegerField":
            values.setdefault(field.name, 0)
        elif field.get_internal_type() == "BooleanField":
            values.setdefault(field.name, False)
    return kind.objects.using(alias).create(**{key: value for key, value in values.items() if key in names})


def gateway_of(former, alias, name="chat", **values):
    endpoint = "wss://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
    described = {
        "api_name": name,
        "api_description": "Chat of the site",
        "default_channel_name": "lobby",
        "domain_name": "ws.example.com",
        "target_base_endpoint": "https://www.example.com/ws/",
        "certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/1",
        "hosted_zone_id": "Z0123456789ABC",
        "api_key_selection_expression": "$request.header.x-api-key",
        "route_selection_expression": "$request.body.action",
        "route_key": "$default",
        "stage_name": "live",
        "stage_description": "The stage",
        "tags": {"team": "web"},
        "api_id": "a1b2c3d4e5",
        "api_endpoint": endpoint,
        "api_gateway_domain_name": "d-1.execute-api.eu-west-1.amazonaws.com",
        "api_mapping_id": "m1",
        "api_created": True,
        "custom_domain_created": True,
        "last_error": "what went wrong",
    }
    return create(former, alias, "ApiGateway", **{**described, **values})


def migrate(alias, *words):
    call_command("migrate", *words, database=alias, verbosity=0)


def kept(alias, suffix):
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM former_websockets_{suffix}")
        return cursor.fetchone()[0]


def rows(kind, alias):
    return kind.objects.using(alias).order_by("pk")


def test_empty_tables_are_kept_and_ours_made(former, database, release):
    migrate(database)
    for kind in (ApiGateway, ApiGatewayAdditionalRoute, WebSocketSession, ChannelRule):
        assert not rows(kind, database).exists()
    for table in other.described(release)["tables"]:
        assert kept(database, table[len(LABEL) + 1 :]) == 0
    made = ApiGateway.objects.using(database).create(api_name="new", target_base_endpoint="https://example.com/ws/")
    assert made.pk == 1


def test_a_gateway_is_the_same_field_by_field(former, database, release):
    before = gateway_of(former, database)
    migrate(database)
    (after,) = rows(ApiGateway, database)
    same = {field.name for field in before._meta.fields} & {field.name for field in ApiGateway._meta.fields}
    assert {"tags", "api_id", "created_on", "updated_on", "stage_name", "certificate_arn"} <= same
    assert {name: getattr(after, name) for name in same} == {name: getattr(before, name) for name in same}
    assert after.connections_url == "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/live"
    assert after.websocket_url == "wss://ws.example.com"
    assert (after.is_local, after.sends_secret, after.mapped_domain_name) == (False, False, "ws.example.com")


def test_what_there_is_empty_or_null_is_allowed_here(former, database):
    gateway_of(former, database, "one", api_id="", api_created=False, target_base_endpoint=None, tags={})
    gateway_of(former, database, "two", api_id="", api_created=False)
    migrate(database)
    one, two = rows(ApiGateway, database)
    assert (one.api_id, two.api_id, one.target_base_endpoint) == (None, None, "")
    assert (one.sends_secret, one.api_created) == (None, False)


def test_an_api_belongs_to_the_first_row_that_names_it(former, database):
    for name in ("one", "two"):
        gateway_of(former, database, name)
    migrate(database)
    assert [(row.api_name, row.api_id, row.api_created) for row in rows(ApiGateway, database)] == [
        ("one", "a1b2c3d4e5", True),
        ("two", None, False),
    ]


def test_texts_beyond_the_limits_of_aws_are_cut(former, database):
    gateway_of(former, database, "n" * 255)
    migrate(database)
    assert rows(ApiGateway, database).get().api_name == "n" * 128


def test_routes_come_over(former, database):
    gateway = gateway_of(former, database)
    before = [
        create(former, database, "ApiGatewayAdditionalRoute", api_gateway_id=gateway.pk, name=key.title(),
               route_key=key, integration_url=f"https://www.example.com/ws/{key}", deployed=key == "orders")
        for key in ("orders", "news")
    ]  # fmt: skip
    migrate(database)
    names = ("pk", "api_gateway_id", "name", "route_key", "integration_url", "deployed")
    assert [[getattr(row, name) for name in names] for row in rows(ApiGatewayAdditionalRoute, database)] == [
        [getattr(row, name) for name in names] for row in before
    ]


def session_of(former, alias, number, **values):
    values = {"connection_id": f"L0SM9cOFvHcCI{number:06}=", "channel_name": "Room 1", "connected": True, **values}
    return create(former, alias, "WebSocketSession", **values)


def test_open_connections_come_over(former, database, release):
    gateway, alice = gateway_of(former, database), other.user(database, "alice")
    hashed = {"auth_hash": "f" * 64, "session_key_hash": "a" * 64}
    before = [
        session_of(former, database, 1, api_gateway_id=gateway.pk, user_id=alice.pk, **hashed),
        session_of(former, database, 2, api_gateway_id=gateway.pk),
    ]
    session_of(former, database, 3, api_gateway_id=gateway.pk, connected=False)
    migrate(database)
    names = (
        "pk",
        "connection_id",
        "channel_name",
        "connected",
        "user_id",
        "api_gateway_id",
        "created_on",
        "updated_on",
    )
    after = list(rows(WebSocketSession, database))
    assert [[getattr(row, name) for name in names] for row in after] == [
        [getattr(row, name) for name in names] for row in before
    ]
    # The other package's hash of the session is another one. Without one, a logout closes every socket of the user.
    assert [row.session_key_hash for row in after] == ["", ""]
    current = alice.get_session_auth_hash()
    assert [row.session_auth_hash for row in after] == ["f" * 64 if release == "4.1.0" else current, ""]
    assert kept(database, "websocketsession") == 3


@pytest.mark.parametrize(("gateways", "found"), [(1, 1), (2, 0)])
def test_a_connection_without_a_gateway_takes_the_only_one(former, database, gateways, found):
    for number in range(gateways):
        gateway_of(former, database, f"chat {number}", api_id=f"api{number}")
    session_of(former, database, 1, api_gateway_id=None)
    migrate(database)
    assert rows(WebSocketSession, database).count() == found


def test_an_id_that_api_gateway_does_not_give_is_left_out(former, database):
    gateway = gateway_of(former, database)
    session_of(former, database, 1, connection_id="x" * 200, api_gateway_id=gateway.pk)
    migrate(database)
    assert not rows(WebSocketSession, database).exists()


@pytest.mark.parametrize("release", ["4.1.0"], indirect=True)
def test_channel_permissions_become_rules(former, database):
    kind = ContentType.objects.using(database).create(app_label="shop", model="order")
    see, edit = (
        Permission.objects.using(database).create(content_type=kind, codename=name, name=name)
        for name in ("see", "edit")
    )

    def channel(name, access, *sets):
        made = create(former, database, "ChannelPermission", channel_name=name, access=access)
        for one in sets:
            rule = create(former, database, "ChannelPermissionRule", channel_permission_id=made.pk)
            through = model(former, "ChannelPermissionRule").permissions.through
            for permission in one:
                values = {"channelpermissionrule_id": rule.pk, "permission_id": permission.pk}
                through.objects.using(database).create(**values)

    channel("lobby", "public")
    channel("members", "authenticated")
    channel("office", "staff")
    channel("orders", "permission", [see], [edit])
    # What cannot be said exactly lets nobody in.
    channel("both", "permission", [see, edit])
    channel("one of two", "permission", [see], [see, edit])
    channel("nothing", "permission", [])
    channel("unknown", "something")
    channel("every*", "public")
    migrate(database)
    found = rows(ChannelRule, database).values_list("pattern", "audience", "permission_id")
    assert list(found) == [
        ("lobby", "anyone", None),
        ("members", "logged_in", None),
        ("office", "staff", None),
        ("orders", "permission", see.pk),
        ("orders", "permission", edit.pk),
    ]
    assert kept(database, "channelpermission") == 9


def test_keys_go_on_after_the_last_one(former, database):
    gateway = gateway_of(former, database, id=41)
    session_of(former, database, 1, id=77, api_gateway_id=gateway.pk)
    migrate(database)
    made = ApiGateway.objects.using(database).create(api_name="new", target_base_endpoint="https://example.com/ws/")
    session = WebSocketSession.objects.using(database).create(connection_id="L0SM9cOFvHcCIhw=", api_gateway=made)
    assert (made.pk, session.pk) == (42, 78)


class Fails:
    """Loses the connection at the n-th statement that changes something."""

    def __init__(self, at):
        self.at, self.count = at, 0

    def __call__(self, execute, sql, params, many, context):
        if sql.split()[0] in ("CREATE", "ALTER", "INSERT", "DROP", "UPDATE"):
            self.count += 1
            if self.count == self.at:
                raise DatabaseError("the connection is lost")
        return execute(sql, params, many, context)


@pytest.mark.parametrize("at", [1, 2, 4, 6, 8, 10, 12, 15, 18, 22, 24])
def test_migrate_goes_on_after_a_failure_half_way(former, database, at):
    gateway = gateway_of(former, database)
    session_of(former, database, 1, api_gateway_id=gateway.pk)
    with connections[database].execute_wrapper(Fails(at)), pytest.raises(DatabaseError, match="is lost"):
        migrate(database, LABEL)
    connections[database].close()
    del connections[database]  # as in another process
    migrate(database)
    assert [row.api_name for row in rows(ApiGateway, database)] == ["chat"]
    assert rows(WebSocketSession, database).count() == 1
    assert kept(database, "apigateway") == 1
    ApiGateway.objects.using(database).create(api_name="new", target_base_endpoint="https://example.com/ws/")


@pytest.mark.slow
def test_a_hundred_thousand_connections(former, database):
    gateway = gateway_of(former, database)
    kind = model(former, "WebSocketSession")
    extra = {name: "" for name in ("auth_hash", "session_key_hash") if hasattr(kind, name)}
    made = [
        kind(connection_id=f"L0SM9c{number:08}=", channel_name=f"Room {number % 50}", connected=number % 10 != 0,
             request_count=0, created_on=LONG_AGO, updated_on=LONG_AGO, api_gateway_id=gateway.pk, **extra)
        for number in range(100_000)
    ]  # fmt: skip
    kind.objects.using(database).bulk_create(made, batch_size=2000)
    migrate(database)
    names = ("pk", "connection_id", "channel_name", "api_gateway_id", "created_on", "updated_on")
    wanted = {(one.connection_id, one.channel_name, gateway.pk, LONG_AGO, LONG_AGO) for one in made if one.connected}
    assert {row[1:] for row in rows(WebSocketSession, database).values_list(*names)} == wanted


def test_a_new_database_has_no_kept_tables(database):
    migrate(database)
    with connections[database].cursor() as cursor:
        assert not [name for name in connections[database].introspection.table_names(cursor) if "former" in name]


def test_no_migration_has_a_name_of_theirs(release):
    ours = {name for label, name in MigrationLoader(None).disk_migrations if label == LABEL}
    assert ours.isdisjoint(other.described(release)["migrations"])
    assert django_apps.is_installed(LABEL)


def test_their_records_stay_beside_ours(former, database, release):
    migrate(database)
    applied = {name for label, name in MigrationRecorder(connections[database]).applied_migrations() if label == LABEL}
    assert set(other.described(release)["migrations"]) < applied
    assert "0001_websockets" in applied
