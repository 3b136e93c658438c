"""Five secrets are planted, an error is raised in twelve places, and nothing that is told of it shows one of them."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.core import serializers
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.test import Client
from django.urls import include, path

from django_aws_api_gateway_websockets.background.work import JOBS
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
from django_aws_api_gateway_websockets.provisioning import plan_gateway, update_gateway
from django_aws_api_gateway_websockets.security.gateway_secret import gateway_secret
from django_aws_api_gateway_websockets.testing import GatewayClient
from django_aws_api_gateway_websockets.views import WebSocketTokenView
from tests.delivery.conftest import ABLE, gateway_of, people, server  # noqa: F401  fixtures
from tests.leaks import shown
from tests.provisioning.faults import Refuse
from tests.provisioning.test_secrets import FAULTS
from tests.views import ExampleView

everyone = WebSocketSession.objects
PLANTED = {name: f"planted-{name.lower()}-0123456789" for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
# In two parts, because debug pages show source code.
AUTHORIZATION = " ".join(["Bearer", "planted-authorization-0123456789"])


class FailingBackend(ModelBackend):
    def get_user(self, user_id):
        if getattr(settings, "BROKEN", False):
            raise ConnectionError("Invalid request to the directory")
        return super().get_user(user_id)


class SendingView(ExampleView):
    """Sends through a gateway that refuses, in ``connect`` and in a handler."""

    def connect(self, request, *args, **kwargs):
        response = super().connect(request, *args, **kwargs)
        if request.GET.get("channel") == "broken":
            send_to_others()
        return response

    def test(self, request, *args, **kwargs):
        send_to_others()


urlpatterns = [
    path("sending/<slug:route>", SendingView.as_view(debug=True)),
    path("token/", WebSocketTokenView.as_view()),
    path("", include("tests.urls")),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def send_to_others():
    everyone.filter(channel_name="others").send_message({"n": 1})


class Site:
    """A site whose secrets are planted. Each method is a place in which something fails."""

    def __init__(self, request, settings, user):
        self._request, self._settings, self._user = request, settings, user
        self.secrets, self.said = {**PLANTED, "AUTHORIZATION": AUTHORIZATION}, io.StringIO()
        self.caught = []

    def fixture(self, name):
        return self._request.getfixturevalue(name)

    def plant(self):
        for name, value in PLANTED.items():
            setattr(self._settings, name, value)
        self._settings.AWS_ACCESS_KEY_ID = "AKIDEXAMPLE"

    def catch(self, sender, request, **kwargs):
        error = sys.exc_info()[1]
        self.caught.append((error, request, error.__traceback__))

    # --- sending ---------------------------------------------------------------------------------------

    def refusing_gateway(self, transport="boto3"):
        self.plant()
        self._settings.AWS_REGION_NAME = "eu-west-1"
        self._settings.WEBSOCKETS = {"SEND_TRANSPORT": transport}
        self.fixture("server").everybody = "forbidden"
        self.fixture("people")(1, channel_name="others")
        self.secrets["gateway"] = gateway_secret(ApiGateway.objects.get().api_id)
        return everyone.select_related("api_gateway").get()

    def handler(self):
        self.refusing_gateway()
        client = GatewayClient()
        client.force_login(self._user)
        socket = client.connect("/sending/")
        self.secrets["mapped"] = gateway_secret(socket.gateway.api_id)
        socket.send_json({"action": "test"})

    def connect(self):
        self.refusing_gateway()
        page = Client()
        page.force_login(self._user)
        self.secrets["token"] = json.loads(page.post("/token/").content)["token"]
        GatewayClient().connect("/sending/", "broken", query={"ws_token": self.secrets["token"]})

    def token(self):
        """The user of a token is looked up, and the site's own backend fails."""
        self._settings.AUTHENTICATION_BACKENDS = [f"{__name__}.FailingBackend"]
        self._settings.WEBSOCKETS = {}
        page = Client()
        page.force_login(self._user)
        self.secrets["token"] = json.loads(page.post("/token/").content)["token"]
        self._settings.BROKEN = True
        GatewayClient().connect("/sending/", query={"ws_token": self.secrets["token"]})

    def boto3(self):
        self.refusing_gateway().send_message({"n": 1})

    def curl(self):
        if not ABLE:
            pytest.skip("needs Python 3.9: libcurl of the wheel for 3.8 is too old")
        self.refusing_gateway("curl")
        send_to_others()

    def look_up(self):
        self.refusing_gateway().check_connection()

    def task(self):
        JOBS["deliver"]("b1", 1, 1, "default", "{}", False, [self.refusing_gateway().pk])

    # --- AWS -------------------------------------------------------------------------------------------

    def gateway_in_aws(self, method, path):
        """A gateway with an Authorization in AWS, one route more than AWS has, and no stage there."""
        aws, row, watch = self.fixture("local_aws"), self.fixture("row"), self.fixture("watch")
        self.plant()
        watch(Refuse(0, 400, "BadRequestException"))  # makes the client with these credentials
        row.create_gateway()
        self.secrets["gateway"] = gateway_secret(row.api_id)
        one = aws.integration(row, "$default")
        parameters = {**one["RequestParameters"], "integration.request.header.Authorization": f"'{AUTHORIZATION}'"}
        aws.by_hand.update_integration(
            ApiId=row.api_id, IntegrationId=one["IntegrationId"], RequestParameters=parameters
        )
        aws.by_hand.delete_stage(ApiId=row.api_id, StageName=row.stage)
        row.additional_routes.bulk_create(
            [
                row.additional_routes.model(
                    api_gateway=row,
                    name="Orders",
                    route_key="orders",
                    integration_url="https://www.example.com/ws/orders",
                )
            ]
        )
        watch(Refuse(-1, 400, "BadRequestException", "Invalid request", methods=(method,), path=path))
        row.refresh_from_db()
        return row

    def create_integration(self):
        update_gateway(self.gateway_in_aws(*FAULTS["create integration"]))

    def create_route(self):
        update_gateway(self.gateway_in_aws(*FAULTS["create route"]))

    def create_stage(self):
        update_gateway(self.gateway_in_aws(*FAULTS["create stage"]))

    def read_integrations(self):
        plan_gateway(self.gateway_in_aws("GET", "/routes"))

    def command(self):
        row = self.gateway_in_aws(*FAULTS["create integration"])
        with pytest.raises(SystemExit):  # they differ
            call_command("planApiGateway", pk=row.pk, stdout=self.said, stderr=self.said)
        call_command("updateApiGateway", pk=row.pk, stdout=self.said, stderr=self.said)

    def admin_action(self):
        row = self.gateway_in_aws(*FAULTS["create integration"])
        staff = self.fixture("admin_client")
        url = "/admin/django_aws_api_gateway_websockets/apigateway/"
        for confirmed in ({}, {"confirmed": "yes"}):
            data = {"action": "update_api_gateway", "_selected_action": [row.pk], **confirmed}
            self.said.write(staff.post(url, data, follow=True).content.decode())
        for page in ("", f"{row.pk}/change/", f"{row.pk}/history/"):
            self.said.write(staff.get(url + page).content.decode())


PLACES = [
    name for name in vars(Site) if name not in ("fixture", "plant", "catch", "refusing_gateway", "gateway_in_aws")
]
PLACES = [name for name in PLACES if not name.startswith("_")]


@pytest.fixture
def site(request, settings, alice):
    site = Site(request, settings, alice)
    got_request_exception.connect(site.catch)
    yield site
    got_request_exception.disconnect(site.catch)


@pytest.mark.end_to_end
@pytest.mark.parametrize("place", PLACES)
def test_nothing_that_is_told_of_an_error_shows_a_secret(site, place, caplog):
    error = None
    with caplog.at_level(logging.DEBUG, logger="django_aws_api_gateway_websockets"):
        try:
            getattr(site, place)()
        except Exception as raised:
            error = raised
    told = {"log": caplog.text, "output": site.said.getvalue(), "rows": serializers.serialize("json", rows())}
    if site.caught:
        told["error page"] = shown(*site.caught[-1])
    elif error is not None:
        told["error page"] = shown(error)
    assert "AWS answered 403" in str(told) or "Invalid request" in str(told)
    assert error is not None or place == "admin_action"
    found = [(name, where) for name, secret in site.secrets.items() for where, text in told.items() if secret in text]
    assert found == []


def rows():
    return [*ApiGateway.objects.all(), *everyone.all()]
