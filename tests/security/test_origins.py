"""A page of another site cannot open a socket with the user's cookie."""

from __future__ import annotations

import pytest
from django.test import override_settings
from django.urls import path

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.security.origins import parse_origin
from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused
from tests.views import ExampleView


class PartnersView(ExampleView):
    allowed_origins = ["https://partner.example", "https://*.apps.example:8443"]


class DevicesView(ExampleView):
    require_origin = False


urlpatterns = [
    path("ws/<slug:route>", ExampleView.as_view()),
    path("partners/<slug:route>", PartnersView.as_view()),
    path("devices/<slug:route>", DevicesView.as_view()),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

HOSTILE = [
    None,
    "",
    "null",
    "*",
    "http://",
    "https://evil.example",
    "http://testserver.evil.example",
    "http://eviltestserver",
    "http://evil.example/testserver",
    "http://testserver/",
    "http://testserver/path",
    "http://testserver?x",
    "http://testserver#x",
    "http://testserver@evil.example",
    "http://evil.example@testserver",
    "http://user:password@testserver",
    "http://testserver:99999",
    "http://testserver:0",
    "http://testserver:",
    "http://testserver:8080",
    "http://testserver:80:80",
    "https://testserver:80",
    "http://testserver.",
    "http://.testserver",
    "http://*.testserver",
    "http://sub.testserver",
    "ftp://testserver",
    "ws://testserver",
    "javascript://testserver",
    "testserver",
    "//testserver",
    "http:testserver",
    "http://testserver http://evil.example",
    "http://testserver, http://evil.example",
    "http://testserver,http://testserver",
    " http://testserver\t",
    "http://testserver\0",
    "http://test\nserver",
    "https://[::1",
    "https://[::1]",
    "http://[testserver]",
    "http://tëstserver",
    "http://xn--tstserver-y9a",
    "http://testserver\\@evil.example",
    "http://testserver%2eevil.example",
    "https://trusted.example.evil.example",
    "https://eviltrusted.example",
    "http://trusted.example",
    "https://wild.example",
    "https://a.wild.example.evil.example",
    "https://partner.example",
    "file://",
    "chrome-extension://abcdefghijklmnop",
    "http://" + "a" * 5000,
]
GOOD = ["https://testserver", "https://testserver:443"]


@pytest.fixture(autouse=True)
def _trusted(settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example", "https://*.wild.example"]


@pytest.mark.parametrize("origin", HOSTILE)
def test_a_hostile_origin_is_refused(connect, alice, origin):
    assert len(HOSTILE) >= 40
    with pytest.raises(HandshakeRefused) as refused:
        connect(alice, headers={"Origin": origin})
    assert refused.value.status_code == 403
    assert not WebSocketSession.objects.exists()


@pytest.mark.parametrize(
    "origin", [*GOOD, "https://trusted.example", "https://a.wild.example", "https://b.a.wild.example"]
)
def test_the_sites_own_and_trusted_pages_connect(connect, alice, origin):
    assert connect(alice, headers={"Origin": origin}).session.user == alice


@pytest.mark.parametrize("origin", [*GOOD, "http://testserver", "http://testserver:80"])
def test_an_http_site_accepts_its_pages_over_http_and_https(gateway, origin):
    gateway.target_base_endpoint = "http://testserver/ws/"
    assert GatewayClient(gateway).connect("/ws/", headers={"Origin": origin})


def test_an_https_site_refuses_its_own_page_over_http(connect, alice):
    with pytest.raises(HandshakeRefused):
        connect(alice, headers={"Origin": "http://testserver"})


def test_behind_a_proxy_that_ends_tls_django_must_be_told_so(gateway, settings):
    gateway.target_base_endpoint = "http://testserver/ws/"  # as the proxy passes it on
    page = {"X-Forwarded-Proto": "https", "Origin": "http://testserver"}
    assert GatewayClient(gateway).connect("/ws/", headers=page)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    with pytest.raises(HandshakeRefused):
        GatewayClient(gateway).connect("/ws/", headers=page)
    assert GatewayClient(gateway).connect("/ws/", headers={**page, "Origin": "https://testserver"})


@pytest.mark.parametrize("origin", ["https://partner.example", "https://one.apps.example:8443", *GOOD])
def test_a_view_allows_further_origins(connect, alice, origin):
    assert connect(alice, path="/partners/", headers={"Origin": origin})


@pytest.mark.parametrize(
    "origin",
    ["http://partner.example", "https://partner.example:444", "https://apps.example:8443", "https://a.apps.example"],
)
def test_a_views_list_is_as_exact(connect, alice, origin):
    with pytest.raises(HandshakeRefused):
        connect(alice, path="/partners/", headers={"Origin": origin})


def test_the_setting_allows_origins_where_the_view_says_nothing(connect, alice):
    with override_settings(WEBSOCKETS={"ALLOWED_ORIGINS": ["https://Other.Example"]}):
        assert connect(alice, headers={"Origin": "https://other.example"})
        with pytest.raises(HandshakeRefused):
            connect(alice, path="/partners/", headers={"Origin": "https://other.example"})


def test_opting_out_accepts_a_missing_origin(connect, alice):
    assert connect(alice, path="/devices/", headers={"Origin": None})


@pytest.mark.parametrize("origin", ["null", "https://evil.example", ""])
def test_opting_out_still_refuses_a_wrong_origin(connect, alice, origin):
    with pytest.raises(HandshakeRefused):
        connect(alice, path="/devices/", headers={"Origin": origin})


def test_the_opt_out_may_be_the_sites(connect, alice):
    with override_settings(WEBSOCKETS={"REQUIRE_ORIGIN": False}):
        assert connect(alice, headers={"Origin": None})


def test_a_star_allows_every_page(connect, alice):
    with override_settings(WEBSOCKETS={"ALLOWED_ORIGINS": ["*"]}):
        assert connect(alice, headers={"Origin": "https://anyone.example"})


def test_the_refusal_names_the_origin_and_the_remedy(connect, alice, said):
    with pytest.raises(HandshakeRefused) as refused:
        connect(alice, headers={"Origin": "https://evil.example"})
    assert said(refused.value.response) == (
        "Pages of 'https://evil.example' may not open connections to this site. To allow them, add the origin to "
        "allowed_origins on the view, or to ALLOWED_ORIGINS in the setting WEBSOCKETS."
    )


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("https://a.example", ("https", "a.example", 443)),
        ("http://a.example:8000", ("http", "a.example", 8000)),
        ("http://[::1]:8000", ("http", "[::1]", 8000)),
        ("http://127.0.0.1", ("http", "127.0.0.1", 80)),
        ("https://A.example", None),
        ("https://a.example:65536", None),
    ],
)
def test_an_origin_is_parsed_as_browsers_write_it(text, parsed):
    assert parse_origin(text) == parsed


APPS = ["capacitor://localhost", "ionic://localhost", "tauri://localhost", "chrome-extension://abcdefghijklmnop"]


@pytest.mark.parametrize("origin", [*APPS, "moz-extension://0a1b-2c3d", "app://obsidian.md:8080"])
def test_an_origin_of_any_scheme_can_be_allowed_exactly(connect, alice, origin):
    assert refusal(connect, alice, origin).endswith("or to ALLOWED_ORIGINS in the setting WEBSOCKETS.")
    with override_settings(WEBSOCKETS={"ALLOWED_ORIGINS": [origin]}):
        assert connect(alice, headers={"Origin": origin}).session.user == alice
        for other in (f"{origin}.evil", f"{origin}x", f"x{origin}", f"{origin}/", origin.replace("://", ":")):
            refusal(connect, alice, other)


@pytest.mark.parametrize("origin", ["null", "", "file://", "about:blank", "data:text/html,x"])
def test_what_is_no_origin_is_never_allowed(connect, alice, origin):
    with override_settings(WEBSOCKETS={"ALLOWED_ORIGINS": [origin, "https://example.com"]}):
        text = refusal(connect, alice, origin)
    assert "ALLOWED_ORIGINS" not in text
    assert "cannot be allowed" in text


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8000", "http://localhost:8000"),
        ("localhost:8000", "http://127.0.0.1:8000"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("127.0.0.1:8000", "http://[::1]:8000"),
    ],
)
def test_the_names_of_this_machine_are_one_site(gateway, host, origin):
    gateway.target_base_endpoint = f"http://{host}/ws/"
    GatewayClient(gateway).connect("/ws/", headers={"Origin": origin})


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8000", "http://localhost:8001"),
        ("localhost:8000", "http://127.0.0.1:9000"),
        ("127.0.0.1", "http://localhost:3000"),
    ],
)
def test_on_one_machine_the_refusal_names_the_address_to_open(gateway, host, origin):
    gateway.target_base_endpoint = f"http://{host}/ws/"
    with pytest.raises(HandshakeRefused) as refused:
        GatewayClient(gateway).connect("/ws/", headers={"Origin": origin})
    assert f"Open the page on http://{host}, so that" in str(refused.value)
    assert "ALLOWED_ORIGINS" not in str(refused.value)


def refusal(connect, user, origin):
    with pytest.raises(HandshakeRefused) as refused:
        connect(user, headers={"Origin": origin})
    assert refused.value.status_code == 403
    return refused.value.response.json()["message"]
