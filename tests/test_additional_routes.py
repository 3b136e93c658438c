"""Whatever changes additional routes reaches AWS after the commit, or the gateway differs at once."""

from __future__ import annotations

import json

import pytest
from django.core import serializers
from django.core.management import call_command

from django_aws_api_gateway_websockets.models import ApiGateway, ApiGatewayAdditionalRoute

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS, BILLS = "https://orders.example.com/ws", "https://bills.example.com/ws"


@pytest.fixture
def created(local_aws, row):
    row.additional_routes.create(name="orders", route_key="orders", integration_url=ORDERS)
    row.additional_routes.create(name="bills", route_key="bills", integration_url=BILLS)
    row.create_gateway()
    return row


@pytest.fixture
def other(created):
    gateway = ApiGateway.objects.create(api_name="other", target_base_endpoint="https://www.example.com/other/")
    gateway.create_gateway()
    return gateway


def served(aws, gateway):
    """The additional routes in AWS, with their URLs."""
    keys = [key for key in aws.routes(gateway) if not key.startswith("$")]
    return {key: aws.integration(gateway, key)["IntegrationUri"] for key in keys}


def new(key, gateway=None):
    return ApiGatewayAdditionalRoute(api_gateway=gateway, name=key, route_key=key, integration_url=ORDERS)


def bulk_update(gateway):
    routes = list(gateway.additional_routes.filter(route_key="orders"))
    for route in routes:
        route.integration_url = BILLS
    ApiGatewayAdditionalRoute.objects.bulk_update(routes, ["integration_url"])


def save_one_field(gateway):
    route = gateway.additional_routes.get(route_key="orders")
    route.integration_url = BILLS
    route.save(update_fields=["integration_url"])


CHANGES = {
    "delete one": (lambda it: it.additional_routes.get(route_key="orders").delete(), {"bills": BILLS}),
    "delete some": (lambda it: it.additional_routes.filter(route_key="orders").delete(), {"bills": BILLS}),
    "delete all": (lambda it: ApiGatewayAdditionalRoute.objects.all().delete(), {}),
    "update urls": (lambda it: it.additional_routes.update(integration_url=BILLS), {"orders": BILLS, "bills": BILLS}),
    "update a key": (
        lambda it: ApiGatewayAdditionalRoute.objects.filter(route_key="orders").update(route_key="news"),
        {"news": ORDERS, "bills": BILLS},
    ),
    "bulk_create": (
        lambda it: ApiGatewayAdditionalRoute.objects.bulk_create([new("a", it), new("b", it)]),
        {"orders": ORDERS, "bills": BILLS, "a": ORDERS, "b": ORDERS},
    ),
    "bulk_update": (bulk_update, {"orders": BILLS, "bills": BILLS}),
    "save one field": (save_one_field, {"orders": BILLS, "bills": BILLS}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_bulk_changes_of_routes_are_deployed(local_aws, created, change):
    act, expected = CHANGES[change]
    act(created)
    assert served(local_aws, created) == expected
    created.refresh_from_db()
    assert created.status == "in_step"
    assert all(route.deployed for route in created.additional_routes.all())


@pytest.mark.parametrize(
    "move",
    [
        lambda route, to: ApiGatewayAdditionalRoute.objects.filter(pk=route.pk).update(api_gateway=to),
        lambda route, to: ApiGatewayAdditionalRoute.objects.filter(pk=route.pk).update(api_gateway_id=to.pk),
        lambda route, to: to.additional_routes.add(route),
        lambda route, to: (setattr(route, "api_gateway", to), route.save()),
    ],
    ids=["update", "update by id", "add", "save"],
)
def test_a_route_that_moves_leaves_its_first_gateway(local_aws, created, other, move):
    move(created.additional_routes.get(route_key="orders"), other)
    assert served(local_aws, created) == {"bills": BILLS}
    assert served(local_aws, other) == {"orders": ORDERS}


def test_a_route_of_a_fixture_makes_its_gateway_differ(created, tmp_path):
    route = created.additional_routes.get(route_key="orders")
    route.integration_url = BILLS
    path = tmp_path / "routes.json"
    path.write_text(serializers.serialize("json", [route]))
    call_command("loaddata", str(path), verbosity=0)
    created.refresh_from_db()
    assert created.status == "differs"
    assert json.loads(path.read_text())[0]["fields"]["integration_url"] == BILLS


@pytest.mark.parametrize("values", [{"name": "For people"}, {"deployed": True}])
def test_what_aws_does_not_get_changes_no_status(created, values):
    created.additional_routes.update(**values)
    created.refresh_from_db()
    assert created.status == "in_step"


def test_changes_before_the_gateway_exists_call_nobody(row, use):
    use("http://127.0.0.1:9")
    row.additional_routes.bulk_create([new("a", row), new("b", row)])
    row.additional_routes.update(integration_url=BILLS)
    row.additional_routes.all().delete()
    row.refresh_from_db()
    assert (row.status, row.last_error) == ("", "")


def test_deleting_a_gateway_row_with_its_routes_calls_nobody(created, use):
    use("http://127.0.0.1:9")
    created.delete()
    assert not ApiGatewayAdditionalRoute.objects.exists()


@pytest.mark.parametrize(
    "values",
    [{"api_description": "new"}, {"data_trace": True}, {"stage_name": "live"}, {"tags": {"a": "b"}}],
)
def test_update_of_a_gateway_makes_it_differ(created, row, values):
    never = ApiGateway.objects.create(api_name="never", target_base_endpoint="https://www.example.com/never/")
    ApiGateway.objects.update(**values)
    for gateway, status in ((created, "differs"), (never, "")):
        gateway.refresh_from_db()
        assert gateway.status == status


@pytest.mark.parametrize("values", [{"default_channel_name": "lobby"}, {"route_key": "x"}, {"last_error": "x"}])
def test_update_of_what_aws_does_not_get_changes_no_status(created, values):
    ApiGateway.objects.update(**values)
    created.refresh_from_db()
    assert created.status == "in_step"


def test_update_notices_every_field_that_save_notices(created):
    """It cannot know that a value changes nothing, such as a hosted zone without a record to manage."""
    skipped = {"id", "api_id", "reference", "status", "created_on", "updated_on"}
    for field in ApiGateway._meta.concrete_fields:
        if field.name in skipped or field.unique:
            continue
        value = {"JSONField": {"a": "b"}, "BooleanField": True, "DateTimeField": None}.get(
            field.get_internal_type(), "7"
        )
        if field.get_internal_type() in ("FloatField", "PositiveIntegerField"):
            value = 77
        outcomes = []
        for by_save in (True, False):
            ApiGateway.objects.filter(pk=created.pk).update(status="in_step")
            gateway = ApiGateway.objects.get(pk=created.pk)
            before = getattr(gateway, field.name)
            if by_save:
                setattr(gateway, field.name, value)
                gateway.save()
            else:
                ApiGateway.objects.filter(pk=created.pk).update(**{field.name: value})
            outcomes.append(ApiGateway.objects.get(pk=created.pk).status)
            type(gateway).objects.filter(pk=created.pk).update(**{field.name: before})
        assert outcomes[0] == "in_step" or outcomes[1] == "differs", field.name
