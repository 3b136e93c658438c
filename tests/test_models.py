from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import override_settings

from django_aws_api_gateway_websockets import properties
from django_aws_api_gateway_websockets.exceptions import GatewayNotCreated
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
from django_aws_api_gateway_websockets.protocol import SECRET_HEADER

pytestmark = pytest.mark.django_db


def session(gateway, connection_id, **values):
    return WebSocketSession.objects.create(connection_id=connection_id, api_gateway=gateway, **values)


def test_two_ids_that_differ_in_case_are_two_connections(gateway):
    session(gateway, "abc=")
    session(gateway, "ABC=")
    assert WebSocketSession.objects.get(connection_id="abc=").connection_id == "abc="


def test_channels_that_differ_in_case_or_accent_are_distinct(gateway):
    for number, channel in enumerate(["Room", "room", "Rööm"]):
        session(gateway, f"id{number}=", channel_name=channel)
    assert WebSocketSession.objects.filter(channel_name="Room").count() == 1


def test_a_connection_id_is_recorded_once(gateway):
    session(gateway, "abc=")
    with pytest.raises(IntegrityError), transaction.atomic():
        session(gateway, "abc=")


QUESTIONS = {
    "websockets_channel": lambda rows, one: rows.filter(channel_name="Room 3", connected=True).order_by("pk"),
    "websockets_user": lambda rows, one: rows.filter(user=one.user, connected=True),
    "websockets_login": lambda rows, one: rows.filter(session_key_hash=one.session_key_hash, connected=True),
    "websockets_connection_id": lambda rows, one: rows.filter(connection_id=one.connection_id),
    "websockets_gateway": lambda rows, one: rows.filter(api_gateway=one.api_gateway, connected=True),
}


@pytest.mark.django_db(transaction=True)  # MariaDB commits before it analyses
@pytest.mark.parametrize("index", QUESTIONS)
def test_a_question_about_connections_has_its_index(gateway, alice, bob, index):
    WebSocketSession.objects.bulk_create(
        WebSocketSession(
            connection_id=f"{number}=",
            channel_name=f"Room {number % 100}",
            user=alice if number % 150 == 0 else bob,
            api_gateway=gateway,
            session_key_hash=f"{number:064}",
            connected=number % 3 == 0,
        )
        for number in range(6000)
    )
    with connection.cursor() as cursor:
        table = f" TABLE {WebSocketSession._meta.db_table}" if connection.vendor == "mysql" else ""
        cursor.execute(f"ANALYZE{table}")
    one = WebSocketSession.objects.get(connection_id="4500=")
    plan = QUESTIONS[index](WebSocketSession.objects.all(), one).explain()
    # SQLite has a name of its own for the index of a unique constraint.
    assert index in plan or ("connection_id=?" in plan and "USING INDEX sqlite_autoindex" in plan)


def test_no_index_is_there_without_a_question():
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, WebSocketSession._meta.db_table)
    indexes = {name for name, one in found.items() if one["index"] or one["unique"] or one["primary_key"]}
    assert len(indexes) == len(QUESTIONS) + 1  # and the primary key


def test_the_row_knows_the_stage_that_it_came_through(connect, gateway):
    assert connect().session.stage_name == "production"
    gateway.stage_name = "blue"
    gateway.save()
    assert connect().session.stage_name == "blue"


def test_the_stage_is_production_when_empty():
    assert ApiGateway().stage == "production"
    assert ApiGateway(stage_name="live").stage == "live"


@pytest.mark.parametrize(
    ("values", "url"),
    [
        (
            {"api_endpoint": "wss://a1.execute-api.eu-west-1.amazonaws.com"},
            "https://a1.execute-api.eu-west-1.amazonaws.com/production",
        ),
        ({"api_endpoint": "ws://127.0.0.1:8001/a1", "stage_name": "s"}, "http://127.0.0.1:8001/a1/s"),
        ({"domain_name": "ws.example.com", "custom_domain_created": True}, "https://ws.example.com"),
    ],
)
def test_where_to_send(values, url):
    assert ApiGateway(**values).connections_url == url


def test_a_gateway_without_an_api_says_which_command_creates_it(gateway):
    gateway.api_endpoint = ""
    with pytest.raises(GatewayNotCreated, match=rf"Run createApiGateway --pk={gateway.pk}\."):
        session(gateway, "a=").send_message({"hello": "you"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target_base_endpoint", "ftp://example.com/ws/"),
        ("target_base_endpoint", "wss://example.com/ws/"),
        ("target_base_endpoint", "https://example.com/ws/?a=b"),
        ("target_base_endpoint", "https://exam ple.com/"),
        ("stage_name", "has space"),
        ("stage_name", "häß"),
        ("tags", ["a"]),
        ("tags", {"a": 1}),
    ],
)
def test_bad_input_is_refused_and_names_the_field(gateway, field, value):
    setattr(gateway, field, value)
    with pytest.raises(ValidationError) as refused:
        gateway.full_clean()
    assert list(refused.value.message_dict) == [field]


@pytest.mark.parametrize("url", ["http://web:8000/ws/", "https://www.example.com/ws", "http://127.0.0.1:8000/ws/"])
def test_a_target_may_be_a_laptop_a_container_or_a_site(gateway, url, settings):
    settings.ALLOWED_HOSTS = ["web", "www.example.com", "127.0.0.1"]
    gateway.target_base_endpoint = url
    gateway.full_clean()


def test_many_gateways_may_wait_for_their_api(db):
    for name in ("one", "two"):
        ApiGateway.objects.create(api_name=name, api_id="", target_base_endpoint="https://example.com/ws/")
    assert ApiGateway.objects.filter(api_id=None).count() == 2


def test_before_there_is_an_api_the_definition_holds_no_secret(gateway):
    gateway.api_id = None
    parameters = gateway.definition().routes[0].request_parameters
    assert parameters[f"integration.request.header.{SECRET_HEADER}"] == "'known-once-the-api-exists'"


@override_settings(WEBSOCKETS={"ACTIVITY_INTERVAL": 0})
def test_noting_activity_of_a_deleted_row_is_harmless(gateway):
    session = WebSocketSession.objects.create(connection_id="abc=", api_gateway=gateway)
    WebSocketSession.objects.all().delete()

    session.touch()

    assert not WebSocketSession.objects.exists()


@pytest.mark.parametrize(
    ("served", "stage", "url"),
    [
        ("", "", "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/production"),
        ("", "staging", "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/staging"),
        ("live", "", "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/live"),
        ("live", "production", "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/production"),
    ],
)
def test_sends_go_to_the_stage_of_the_connection(gateway, served, stage, url):
    gateway.served_stage_name = served
    assert gateway.connections_url_for(stage) == url


@pytest.mark.parametrize(
    ("stage", "url"),
    [
        ("", "https://ws.example.com/chat"),
        ("live", "https://ws.example.com/chat"),
        ("old", "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/old"),
    ],
)
def test_the_custom_domain_serves_the_mapped_stage_only(gateway, stage, url):
    gateway.served_stage_name, gateway.execute_api_closed = "live", True
    gateway.custom_domain_created, gateway.mapped_domain_name, gateway.mapped_key = True, "ws.example.com", "chat"
    assert gateway.connections_url_for(stage) == url


@pytest.mark.parametrize("table", properties.TABLES)
def test_the_table_of_properties_names_fields_of_the_row(table):
    """A new row asks for AWS's default, but for what every gateway has."""
    row = ApiGateway(api_name="chat", target_base_endpoint="https://www.example.com/ws/")
    for one in table:
        if one.field:
            default = ApiGateway._meta.get_field(one.field).get_default()
            assert one.folded(default) == one.default or one.default is None or one.is_map
    assert table.observed(properties.grouped(table.created(table.described(row)))) == table.observed(
        properties.grouped(table.described(row))
    )
