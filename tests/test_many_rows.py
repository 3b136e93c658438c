"""What an event costs does not depend on how many connections and routes there are."""

from __future__ import annotations

import pytest

from django_aws_api_gateway_websockets.models import ApiGateway, ApiGatewayAdditionalRoute, WebSocketSession
from django_aws_api_gateway_websockets.testing import GatewayClient

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[1, 1_000])
def client(request, alice):
    """A client of a gateway with this many open connections, closed ones, and routes."""
    count = request.param
    gateway = ApiGateway.objects.create(api_name="chat", target_base_endpoint="https://testserver/ws/")
    # Before the gateway has an API, nothing is deployed.
    ApiGatewayAdditionalRoute.objects.bulk_create(
        ApiGatewayAdditionalRoute(
            api_gateway=gateway, name=f"r{number}", route_key=f"r{number}", integration_url="https://testserver/ws/x"
        )
        for number in range(count)
    )
    ApiGateway.objects.update(
        api_id="a1b2c3d4e5",
        api_endpoint="wss://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
        api_created=True,
    )
    WebSocketSession.objects.bulk_create(
        WebSocketSession(
            connection_id=f"c{number}=",
            api_gateway=gateway,
            user=alice,
            channel_name="lobby",
            connected=number % 2 == 0,
        )
        for number in range(2 * count)
    )
    client = GatewayClient()
    client.force_login(alice)
    return client


def test_an_event_costs_the_same_beside_1000_rows(client, django_assert_num_queries):
    client.connect("/ws/", "lobby")
    with django_assert_num_queries(9) as captured:  # two of them are the client's own look-up of the gateway
        socket = client.connect("/ws/", "lobby")
    writes = [one["sql"] for one in captured.captured_queries if one["sql"].startswith(("INSERT", "UPDATE"))]
    assert len(writes) == 1
    for _ in range(3):
        with django_assert_num_queries(1):
            assert socket.send_json({"action": "refuse"}).content == b"no"
    with django_assert_num_queries(5):  # the row and its memberships, inside a savepoint
        assert socket.disconnect().status_code == 200
