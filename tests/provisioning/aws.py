from __future__ import annotations

import pytest
from django.db.models.signals import post_init

from django_aws_api_gateway_websockets.local.server import LocalGateway
from django_aws_api_gateway_websockets.models import ApiGateway

from . import standins

STANDINS = ["local", "ministack"] if standins.HAS_MINISTACK else ["local"]


class Aws:
    """What boto3 is configured for, and boto3 by hand."""

    def __init__(self, name, url):
        self.name, self.url = name, url
        self.by_hand = standins.client(url)

    def apis(self):
        return self.by_hand.get_apis()["Items"]

    def routes(self, gateway):
        return {one["RouteKey"]: one for one in self.by_hand.get_routes(ApiId=gateway.api_id)["Items"]}

    def integrations(self, gateway):
        return self.by_hand.get_integrations(ApiId=gateway.api_id)["Items"]

    def integration(self, gateway, route_key):
        target = self.routes(gateway)[route_key]["Target"].split("/")[1]
        return self.by_hand.get_integration(ApiId=gateway.api_id, IntegrationId=target)

    def stage(self, gateway):
        return self.by_hand.get_stage(ApiId=gateway.api_id, StageName=gateway.stage)


@pytest.fixture(scope="session")
def ministack_url():
    with standins.ministack() as url:
        yield url


@pytest.fixture
def example_hosts(settings):
    """The hosts that the gateways of these tests may send to."""
    settings.WEBSOCKETS = {"ALLOWED_TARGET_HOSTS": ["*.example.com", "example.com"]}


@pytest.fixture
def mark_rows():
    """Every row of the test is marked as local, so that its API is on the stand-in."""

    def mark(instance, **kwargs):
        instance.is_local = True

    yield lambda: post_init.connect(mark, sender=ApiGateway)
    post_init.disconnect(mark, sender=ApiGateway)


@pytest.fixture
def use(settings, monkeypatch, example_hosts, mark_rows):
    """Configures boto3, as a user would, for the stand-in at a URL."""

    def use(url, key_id="test", secret="test"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # which decides nothing
        settings.WEBSOCKETS = {**settings.WEBSOCKETS, "LOCAL_GATEWAY": url}
        mark_rows()
        settings.AWS_ACCESS_KEY_ID = key_id
        settings.AWS_SECRET_ACCESS_KEY = secret
        settings.AWS_GATEWAY_REGION_NAME = standins.REGION

    return use


@pytest.fixture(scope="session")
def local_server():
    with LocalGateway() as server:
        yield server


@pytest.fixture
def local_aws(use, local_server):
    use(local_server.url)
    aws = Aws("local", local_server.url)
    yield aws
    for domain in aws.by_hand.get_domain_names()["Items"]:
        aws.by_hand.delete_domain_name(DomainName=domain["DomainName"])
    while aws.apis():  # a page at a time
        for api in aws.apis():
            aws.by_hand.delete_api(ApiId=api["ApiId"])


@pytest.fixture
def ministack_aws(use, ministack_url):
    standins.reset(ministack_url)
    use(ministack_url)
    return Aws("ministack", ministack_url)


@pytest.fixture(params=STANDINS)
def aws(request):
    return request.getfixturevalue(f"{request.param}_aws")


@pytest.fixture
def lenient_aws(request):
    """The one that would take a second route of a key: what repeats itself shows there."""
    return request.getfixturevalue(f"{STANDINS[-1]}_aws")


@pytest.fixture
def row(db, example_hosts):
    """A gateway that was described, and not created."""
    return ApiGateway.objects.create(api_name="chat", target_base_endpoint="https://www.example.com/ws/")
