from __future__ import annotations

import base64
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from django_aws_api_gateway_websockets.delivery.choice import has_curl
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

from .connections_server import ConnectionsServer

ABLE = has_curl()
# Python 3.8 has no libcurl that is new enough: there is one transport there, and no signature but boto3's.
if not ABLE and sys.version_info >= (3, 9):
    raise RuntimeError("The tests of sending need pycurl with libcurl 8: pip install -r requirements/test.txt")
TRANSPORTS = ["boto3", "curl"] if ABLE else ["boto3"]
collect_ignore = [] if ABLE else ["test_signature.py"]


@pytest.fixture(params=TRANSPORTS)
def transport(request, settings):
    """The same suite over both transports."""
    settings.WEBSOCKETS = {"SEND_TRANSPORT": request.param}
    return request.param


@pytest.fixture
def options(settings):
    """Sets keys of WEBSOCKETS for this test."""

    def options(**values):
        settings.WEBSOCKETS = {**getattr(settings, "WEBSOCKETS", {}), **values}

    return options


@pytest.fixture(autouse=True)
def _credentials(settings):
    settings.AWS_ACCESS_KEY_ID = "AKIDEXAMPLE"
    settings.AWS_SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    settings.AWS_REGION_NAME = "eu-west-1"


@pytest.fixture
def server():
    server = ConnectionsServer()
    yield server
    server.stop()


@pytest.fixture
def gateway_of(db):
    """A gateway row whose stage is at a server of the test."""

    def make(server, api_id="a1b2"):
        return ApiGateway.objects.create(
            api_name=api_id,
            target_base_endpoint="https://testserver/ws/",
            api_id=api_id,
            api_endpoint=server.api_endpoint,
            api_created=True,
        )

    return make


def connection_id(number):
    return base64.urlsafe_b64encode(number.to_bytes(11, "big")).decode()


@pytest.fixture
def people(server, gateway_of):
    """``people(1000)``: so many connected rows of the server, an hour old."""

    def make(count, gateway=None, start=0, age=timedelta(hours=1), **values):
        gateway = gateway or ApiGateway.objects.first() or gateway_of(server)
        ids = [connection_id(number) for number in range(start, start + count)]
        WebSocketSession.objects.bulk_create(
            [WebSocketSession(connection_id=name, api_gateway=gateway, **values) for name in ids], batch_size=5000
        )
        born = timezone.now() - age
        WebSocketSession.objects.filter(connection_id__gte=ids[0], connection_id__lte=ids[-1]).update(created_on=born)
        return ids

    return make
