"""The doctor on what surrounds a gateway: TLS, proxies, quotas, another control plane, and its button in the admin."""

from __future__ import annotations

import html
import http.client
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import boto3
import pytest
from django.urls import reverse

from django_aws_api_gateway_websockets.doctor import Visit, examine
from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.provisioning import update_gateway

from .tls import certified

pytestmark = pytest.mark.django_db


def ids(gateway, live=False):
    return [finding.id for finding in examine(gateway, Visit(live=live)).findings]


@pytest.fixture
def row(live_server, local_gateway):
    row = ApiGateway.objects.create(api_name="chat", is_local=True, target_base_endpoint=f"{live_server.url}/ws/")
    update_gateway(row)
    return row


# --- TLS --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "days", "found"),
    [
        ("localhost", 90, []),
        ("localhost", 5, ["certificate-expires"]),
        ("localhost", -1, ["certificate-refused"]),
        ("ws.example.com", 90, ["certificate-refused"]),
    ],
    ids=["valid", "ends soon", "expired", "another name"],
)
def test_a_certificate_that_is_not_right_is_named(name, days, found):
    assert [one.id for one in certified(name, days)] == found


def test_a_certificate_of_an_unknown_issuer_is_named():
    assert [one.id for one in certified("localhost", 90, trusted=False)] == ["certificate-refused"]


# --- Proxies ----------------------------------------------------------------------------------------


class Proxy:
    """A proxy in front of ``site`` that changes the headers of each request by ``change``."""

    def __init__(self, site, change):
        target = urlsplit(site)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                upstream = http.client.HTTPConnection(target.hostname, target.port, timeout=5)
                headers = change({**dict(self.headers.items()), "Host": target.netloc})
                upstream.request("POST", self.path, body, headers)
                answer = upstream.getresponse()
                text = answer.read()
                upstream.close()
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_address[1]}/ws/"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def eats(*names):
    return lambda headers: {name: value for name, value in headers.items() if name.lower() not in names}


def joins_underscores(headers):
    """As a server does that takes ``_`` for ``-``: the values of both names, with a comma."""
    joined = {}
    for name, value in headers.items():
        plain = name.lower().replace("_", "-")
        joined[plain] = f"{joined[plain]},{value}" if plain in joined else value
    return joined


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (eats(), []),
        (eats("connectionid"), ["header-lost"]),
        (eats("x-websocket-gateway-secret"), ["header-lost"]),
        (eats("x-amzn-apigateway-api-id"), ["header-lost"]),
        (joins_underscores, ["header-underscores"]),
    ],
    ids=["passes", "connection id", "secret", "API id", "underscores"],
)
def test_a_proxy_that_changes_headers_is_named(row, live_server, change, found):
    with Proxy(live_server.url, change) as proxy:
        ApiGateway.objects.update(target_base_endpoint=proxy.url)
        row.refresh_from_db()
        assert [one for one in ids(row, live=True) if one.startswith("header")] == found


# --- The account ------------------------------------------------------------------------------------


def by_hand(url):
    options = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("apigatewayv2", endpoint_url=url, **options)


def test_a_quota_that_is_nearly_used_up_is_named(row, local_gateway):
    client = by_hand(local_gateway.url)
    for number in range(8):
        client.create_stage(ApiId=row.api_id, StageName=f"s{number}")
    found = [one for one in examine(row, Visit(live=False)).findings if one.id == "quota"]
    assert [one.what for one in found] == ["The API has 9 of at most 10 stages."]


def described():
    return ApiGateway.objects.create(
        api_name="chat",
        target_base_endpoint="https://www.example.com/ws/",
        domain_name="ws.example.com",
        certificate_arn="arn:aws:acm:us-east-1:123456789012:certificate/1",
        is_local=True,
    )


@pytest.fixture
def mapped(aws, settings, example_hosts):
    settings.SESSION_COOKIE_DOMAIN = ".example.com"
    row = described()
    update_gateway(row, with_domain=True)
    return row


def test_a_healthy_gateway_has_no_findings_elsewhere(mapped):
    started = time.monotonic()
    assert ids(mapped) == []
    assert time.monotonic() - started < 15


def test_a_domain_without_a_mapping_is_named(mapped, aws):
    client = by_hand(aws.url)
    (mapping,) = client.get_api_mappings(DomainName="ws.example.com")["Items"]
    client.delete_api_mapping(DomainName="ws.example.com", ApiMappingId=mapping["ApiMappingId"])
    assert ids(mapped) == ["api-differs", "domain-not-mapped"]


@pytest.mark.end_to_end
def test_a_routing_mode_that_ignores_mappings_is_named(request, settings, example_hosts):
    """The local gateway has no such domain, so another stand-in for AWS is needed."""
    if sys.version_info < (3, 10):
        pytest.skip("needs Python 3.10: ministack does not run on older ones")
    aws = request.getfixturevalue("lenient_aws")
    settings.SESSION_COOKIE_DOMAIN = ".example.com"
    row = described()
    update_gateway(row, with_domain=True)
    by_hand(aws.url).update_domain_name(DomainName=row.domain_name, RoutingMode="ROUTING_RULE_ONLY")
    assert "domain-routing-mode" in ids(row)


# --- The admin --------------------------------------------------------------------------------------


def test_the_button_of_the_admin_shows_the_report(row, admin_client, settings):
    page = reverse("admin:django_aws_api_gateway_websockets_apigateway_change", args=[row.pk])
    assert 'value="check_api_gateway"' in admin_client.get(page).content.decode()
    settings.CSRF_TRUSTED_ORIGINS = ["www.example.com"]
    changelist = reverse("admin:django_aws_api_gateway_websockets_apigateway_changelist")
    data = {"action": "check_api_gateway", "_selected_action": [row.pk]}
    text = html.unescape(admin_client.post(changelist, data).content.decode())
    assert "csrf-trusted-origins" in text
    assert "Write the scheme and the host" in text
    assert "disconnect: 0." in text


def test_who_may_not_change_gateways_has_no_button(row, client, make_user):
    client.force_login(make_user("staff", is_staff=True))
    changelist = reverse("admin:django_aws_api_gateway_websockets_apigateway_changelist")
    answer = client.post(changelist, {"action": "check_api_gateway", "_selected_action": [row.pk]})
    assert answer.status_code == 403
