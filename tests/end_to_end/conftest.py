"""The whole loop for real: Django under a WSGI server, the local gateway, boto3 and sockets between them."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from django_aws_api_gateway_websockets.models import ApiGateway


@pytest.fixture
def site(live_server, local_gateway):
    """The URL under which Django runs; its sockets come from ``local_gateway``."""
    return live_server.url


@pytest.fixture
def created(site):
    """A gateway row whose API ``createApiGateway`` has made."""
    row = ApiGateway.objects.create(api_name="chat", is_local=True, target_base_endpoint=f"{site}/ws/")
    row.additional_routes.create(name="Orders", route_key="orders", integration_url=f"{site}/ws/orders")
    call_command("createApiGateway", pk=row.pk)
    row.refresh_from_db()
    return row


@pytest.fixture
def session_cookie():
    """The Cookie header of a browser in which ``user`` is logged in."""

    def cookie(user):
        client = Client()
        client.force_login(user)
        return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    return cookie
