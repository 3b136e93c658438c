from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import TransactionTestCase

import django_aws_api_gateway_websockets
from django_aws_api_gateway_websockets.local.server import LocalGateway
from django_aws_api_gateway_websockets.models import ApiGateway, activity
from django_aws_api_gateway_websockets.testing import GatewayClient

from .django51 import repair_context_copy
from .provisioning.aws import (  # noqa: F401  fixtures
    aws,
    example_hosts,
    lenient_aws,
    local_aws,
    local_server,
    mark_rows,
    ministack_aws,
    ministack_url,
    row,
    use,
)
from .provisioning.faults import watch  # noqa: F401  a fixture

repair_context_copy()

# Programs that tests start find the same package: the source, or the wheel that the matrix installs.
SOURCE = str(Path(django_aws_api_gateway_websockets.__file__).resolve().parent.parent)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH")]))

#: Fixtures that start real servers: whoever uses one of them is an end-to-end test.
SERVERS = {
    "live_server",
    "server",
    "sink",
    "backend",
    "shared_gateway",
    "local_gateway",
    "ministack_url",
    "iam_url",
} | {
    "local_server",
    "lenient_aws",
    "aws",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.end_to_end)
        if uses_database(item):
            item.add_marker(pytest.mark.database)
        # ministack stands in for AWS, so these tests do not depend on the versions of Python and Django.
        if item.get_closest_marker("end_to_end") and "ministack" in item.name:
            item.add_marker(pytest.mark.once)
        # A transaction around each request adds statements.
        if {"django_assert_num_queries", "django_assert_max_num_queries"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.autocommit)


def uses_database(item):
    fixtures = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    return bool(fixtures or item.get_closest_marker("django_db") or issubclass(item.cls or object, TransactionTestCase))


@pytest.fixture(autouse=True)
def _no_unwritten_counts():
    """Keep the events of one test out of the counts of the next."""
    activity.write_counts()


@pytest.fixture
def make_user(db):
    def make(username, **values):
        return get_user_model().objects.create_user(username, password="secret", **values)

    return make


@pytest.fixture
def alice(make_user):
    return make_user("alice")


@pytest.fixture
def bob(make_user):
    return make_user("bob")


@pytest.fixture
def gateway(db):
    """A gateway as createApiGateway leaves it."""
    return ApiGateway.objects.create(
        api_name="chat",
        target_base_endpoint="https://testserver/ws/",
        api_id="a1b2c3d4e5",
        api_endpoint="wss://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
        api_created=True,
    )


@pytest.fixture
def local_gateway(settings, monkeypatch):
    """A local gateway on a free port, which holds the APIs of rows that are marked as local."""
    with LocalGateway() as gateway:
        settings.WEBSOCKETS = {**getattr(settings, "WEBSOCKETS", {}), "LOCAL_GATEWAY": gateway.url}
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        yield gateway


@pytest.fixture
def connect(gateway):
    """Opens a socket as ``user`` (None: nobody is logged in)."""

    clients = []  # which hold their sockets

    def connect(user=None, channel=None, path="/ws/", **options):
        client = GatewayClient()
        clients.append(client)
        if user is not None:
            client.force_login(user)
        return client.connect(path, channel, **options)

    return connect
