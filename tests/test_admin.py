"""Every model has a page in the admin that opens."""

from __future__ import annotations

import pytest
from django.urls import reverse

from django_aws_api_gateway_websockets.models import ApiGatewayAdditionalRoute

pytestmark = pytest.mark.django_db

MODELS = ["apigateway", "apigatewayadditionalroute", "websocketsession"]


def url(model, page, *args):
    return reverse(f"admin:django_aws_api_gateway_websockets_{model}_{page}", args=args)


@pytest.mark.parametrize("model", MODELS)
def test_list_and_row_open_and_can_be_searched(admin_client, connect, alice, gateway, model):
    route = ApiGatewayAdditionalRoute.objects.create(
        api_gateway=gateway, name="Orders", route_key="orders", integration_url="https://testserver/ws/orders"
    )
    session = connect(alice, "Chatroom 1").session
    row = {"apigateway": gateway, "apigatewayadditionalroute": route, "websocketsession": session}[model]

    page = admin_client.get(url(model, "changelist"), {"q": str(row)})
    assert page.status_code == 200
    assert str(row) in page.content.decode()
    assert admin_client.get(url(model, "change", row.pk)).status_code == 200


def test_session_rows_cannot_be_added_or_edited_by_hand(admin_client, connect, alice):
    session = connect(alice).session
    assert admin_client.get(url("websocketsession", "add")).status_code == 403
    assert admin_client.post(url("websocketsession", "change", session.pk), {"connected": ""}).status_code == 403
    assert admin_client.post(url("websocketsession", "delete", session.pk), {"post": "yes"}).status_code == 302
