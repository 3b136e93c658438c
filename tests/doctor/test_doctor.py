"""``checkApiGateway``: a healthy site, and one mistake planted in each test."""

from __future__ import annotations

import io
import json
import socket
import threading
import time

import boto3
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.urls import path

from django_aws_api_gateway_websockets.doctor.domain import check_certificate
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
from django_aws_api_gateway_websockets.provisioning import update_gateway
from django_aws_api_gateway_websockets.views import WebSocketView
from tests.views import ExampleView

pytestmark = pytest.mark.django_db


def check(gateway, *words):
    """The exit code, and the document of ``--format json``."""
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("checkApiGateway", f"--pk={gateway.pk}", "--format=json", *words, stdout=out)
    (document,) = json.loads(out.getvalue())
    return ended.value.code, document


def ids(gateway, *words):
    return {one["id"] for one in check(gateway, *words)[1]["findings"]}


# --- A healthy site ---------------------------------------------------------------------------------


@pytest.fixture
def row(live_server, local_gateway):
    row = ApiGateway.objects.create(api_name="chat", is_local=True, target_base_endpoint=f"{live_server.url}/ws/")
    update_gateway(row)
    return row


@pytest.fixture
def public(settings):
    """A gateway in AWS with its domain, and settings that go with it. Its API is not looked at: nothing is created."""
    settings.SESSION_COOKIE_DOMAIN = ".example.com"
    settings.SESSION_COOKIE_SECURE = True
    settings.ALLOWED_HOSTS = ["www.example.com"]
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "/tmp"}
    }
    return ApiGateway.objects.create(
        api_name="chat",
        target_base_endpoint="https://www.example.com/ws/",
        domain_name="ws.example.com",
        custom_domain_created=True,
        certificate_arn="arn:aws:acm:eu-west-1:123456789012:certificate/1",
    )


#: What is found because the gateway of ``public`` is not there.
NOT_THERE = {"not-created", "dns-missing"}


@pytest.mark.parametrize(
    ("name", "wanted", "found"),
    [
        ("localhost", "127.0.0.1", set()),
        ("127.0.0.1", "localhost", set()),
        ("localhost", "127.0.0.2", {"dns-elsewhere"}),
        ("127.0.0.3", "127.0.0.2", {"dns-elsewhere"}),
        ("localhost", "api.invalid", set()),
        ("ws.invalid", "127.0.0.2", {"dns-missing"}),
    ],
)
def test_a_dns_record_with_another_target_is_named(public, name, wanted, found):
    ApiGateway.objects.update(domain_name=name, api_gateway_domain_name=wanted)
    assert {one for one in ids(public, "--no-live") if one.startswith("dns")} == found


def test_a_healthy_gateway_has_no_findings(row, live_server):
    started = time.monotonic()
    code, document = check(row)
    assert (code, document["findings"]) == (0, [])
    assert [hop["name"] for hop in document["hops"]] == ["connect", "message", "push", "disconnect"]
    assert all(hop["seconds"] > 0 for hop in document["hops"])
    assert time.monotonic() - started < 15
    assert not WebSocketSession.objects.filter(connected=True).exists()


def test_healthy_settings_have_no_findings(public):
    assert ids(public, "--no-live") == NOT_THERE


def test_the_text_names_hops_and_remedies(row, settings):
    out = io.StringIO()
    settings.CSRF_TRUSTED_ORIGINS = ["www.example.com"]
    with pytest.raises(SystemExit):
        call_command("checkApiGateway", "--all", stdout=out)
    assert "error: CSRF_TRUSTED_ORIGINS has 'www.example.com', which is not an origin. [csrf-trusted" in out.getvalue()
    assert "Write the scheme and the host" in out.getvalue()
    assert "push: " in out.getvalue()


# --- Settings ---------------------------------------------------------------------------------------

LOCMEM = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.mark.parametrize(
    ("mistake", "found"),
    [
        ({"SESSION_COOKIE_DOMAIN": None}, "cookie-domain"),
        ({"SESSION_COOKIE_DOMAIN": "shop.example.com"}, "cookie-domain"),
        ({"SESSION_COOKIE_DOMAIN": "ample.com"}, "cookie-domain"),
        ({"SESSION_COOKIE_SAMESITE": "None", "SESSION_COOKIE_SECURE": False}, "cookie-same-site"),
        ({"SESSION_COOKIE_SECURE": False}, "cookie-not-secure"),
        (
            {"ALLOWED_HOSTS": ["example.org"], "WEBSOCKETS": {"ALLOWED_TARGET_HOSTS": ["*.example.com"]}},
            "allowed-hosts",
        ),
        ({"ALLOWED_HOSTS": ["example.org"]}, "target-host"),
        ({"CSRF_TRUSTED_ORIGINS": ["www.example.com"]}, "csrf-trusted-origins"),
        ({"CSRF_TRUSTED_ORIGINS": ["https://www.example.com/page"]}, "csrf-trusted-origins"),
        ({"CACHES": LOCMEM}, "cache-not-shared"),
        ({"CACHES": LOCMEM, "SESSION_ENGINE": "django.contrib.sessions.backends.cache"}, "sessions-not-shared"),
        ({"MIDDLEWARE": []}, "middleware"),
        ({"WEBSOCKETS": {"REQUIRE_SECRET": False}}, "secret-not-required"),
    ],
)
def test_a_mistake_in_the_settings_is_named(public, settings, mistake, found):
    for name, value in mistake.items():
        setattr(settings, name, value)
    assert found in ids(public, "--no-live")


@pytest.mark.parametrize(
    ("values", "options", "found"),
    [
        ({"target_base_endpoint": "http://www.example.com/ws/"}, {}, "target-plain-http"),
        ({"target_base_endpoint": "http://www.example.com/ws/"}, {"SECURE_SSL_REDIRECT": True}, "ssl-redirect"),
        ({"target_base_endpoint": "http://localhost:8000/ws/"}, {"ALLOWED_HOSTS": ["localhost"]}, "target-loopback"),
        ({"target_base_endpoint": "https://www.example.com/sockets/"}, {}, "url-not-found"),
        ({"target_base_endpoint": "https://www.example.com/admin/"}, {}, "url-other-view"),
        ({"api_id": "a1", "sends_secret": False}, {}, "secret-not-sent"),
        ({"domain_name": "ws.example.org"}, {}, "cookie-domain"),
        ({"is_local": True}, {"SESSION_COOKIE_SECURE": True}, "cookie-secure"),
    ],
)
def test_a_mistake_in_the_row_is_named(public, settings, values, options, found):
    for name, value in options.items():
        setattr(settings, name, value)
    ApiGateway.objects.update(**values)
    assert found in ids(public, "--no-live")


# --- URLs -------------------------------------------------------------------------------------------


class OnlyConnects(WebSocketView):
    def default(self, request, *args, **kwargs):
        self.websocket_session.disconnect()


class Loses(ExampleView):
    def connect(self, request, *args, **kwargs):
        return HttpResponse()


class Fails(ExampleView):
    def connect(self, request, *args, **kwargs):
        raise RuntimeError("broken")


class WantsLogin(ExampleView):
    login_required = True


class FailsLater(ExampleView):
    def disconnect(self, request, *args, **kwargs):
        raise RuntimeError("broken")


urlpatterns = [
    path("ws/<slug:route>", ExampleView.as_view()),
    path("named/<slug:name>", ExampleView.as_view()),
    path("loses/<slug:route>", Loses.as_view()),
    path("fails/<slug:route>", Fails.as_view()),
    path("login/<slug:route>", WantsLogin.as_view()),
    path("later/<slug:route>", FailsLater.as_view()),
]


@pytest.mark.urls(__name__)
def test_a_url_without_the_parameter_route_is_named(public):
    ApiGateway.objects.update(target_base_endpoint="https://www.example.com/named/")
    assert "url-without-route" in ids(public, "--no-live")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://www.example.com/ws/others", "url-other-route"),
        ("https://www.example.com/orders", "url-not-found"),
    ],
)
def test_an_additional_route_that_goes_astray_is_named(public, url, found):
    public.additional_routes.create(name="Orders", route_key="orders", integration_url=url)
    assert found in ids(public, "--no-live")


# --- The API ----------------------------------------------------------------------------------------


def test_a_gateway_that_was_never_created_is_named(local_gateway, live_server):
    row = ApiGateway.objects.create(api_name="chat", is_local=True, target_base_endpoint=f"{live_server.url}/ws/")
    assert ids(row) == {"not-created"}


def by_hand(local_gateway):
    options = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    return boto3.client("apigatewayv2", endpoint_url=local_gateway.url, **options)


def test_a_change_by_hand_is_named(row, local_gateway):
    client = by_hand(local_gateway)
    route = client.get_routes(ApiId=row.api_id)["Items"][0]
    client.delete_route(ApiId=row.api_id, RouteId=route["RouteId"])
    code, document = check(row, "--no-live")
    assert (code, [one["id"] for one in document["findings"]]) == (3, ["api-differs"])


def test_an_api_that_somebody_deleted_is_named(row, local_gateway):
    by_hand(local_gateway).delete_api(ApiId=row.api_id)
    assert ids(row, "--no-live") == {"api-gone"}


def test_a_gateway_that_does_not_run_is_named(row, local_gateway, settings):
    settings.WEBSOCKETS = {"LOCAL_GATEWAY": "http://127.0.0.1:9"}
    assert ids(row, "--no-live") == {"api-not-read"}


def test_a_closed_endpoint_without_a_domain_is_named(row):
    ApiGateway.objects.update(execute_api_closed=True)
    assert "endpoint-closed" in ids(row, "--no-live")


def test_a_domain_that_is_not_created_is_named(row):
    values = {"domain_name": "ws.example.com", "certificate_arn": "arn:aws:acm:us-east-1:1:certificate/1"}
    ApiGateway.objects.update(**values)
    assert "domain-not-created" in ids(row, "--no-live")


# --- The round trip ---------------------------------------------------------------------------------


def at(row, live_server, where):
    row.target_base_endpoint = f"{live_server.url}/{where}/"
    row.save()
    update_gateway(row)
    return row


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("where", "found", "hops"),
    [
        ("loses", "live-row", ["connect"]),
        ("fails", "live-connect", []),
        ("login", "live-connect", []),
        ("later", "live-disconnect", ["connect", "message", "push"]),
    ],
)
def test_the_hop_that_fails_is_named(row, live_server, where, found, hops):
    _code, document = check(at(row, live_server, where))
    assert [one["id"] for one in document["findings"]] == [found]
    assert [hop["name"] for hop in document["hops"]] == hops


@pytest.mark.urls(__name__)
def test_a_user_connects_by_a_token(row, live_server):
    User.objects.create_user("alice")
    assert check(at(row, live_server, "login"), "--user=alice")[0] == 0


def test_an_unknown_user_is_wrong_usage(row):
    with pytest.raises(CommandError, match="No user is called 'nobody'") as refused:
        call_command("checkApiGateway", f"--pk={row.pk}", "--user=nobody")
    assert refused.value.returncode == 2


def test_an_origin_that_is_refused_is_named(row):
    code, document = check(row, "--origin=https://evil.example")
    assert (code, document["findings"][0]["id"]) == (1, "live-connect")
    assert "--origin" in document["findings"][0]["remedy"]


def test_a_socket_that_does_not_open_is_named(row):
    ApiGateway.objects.update(api_endpoint="ws://127.0.0.1:9/a1")
    assert "live-connect" in ids(row)


def test_a_callback_that_is_not_served_is_named(row):
    ApiGateway.objects.update(served_stage_name="other", stage_name="other")
    assert "live-connect" in ids(row)


# --- The domain -------------------------------------------------------------------------------------


@pytest.fixture
def no_tls():
    """A server that closes each connection: no TLS at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def serve():
            connection, _ = server.accept()
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_server_without_tls_is_named(no_tls):
    assert [one.id for one in check_certificate("127.0.0.1", no_tls)] == ["tls-failed"]
