"""Chromium's own handshake: the site's page connects, a hostile page does not, wherever the sockets live.

Host names are those of the documentation; Chromium is told that all of them are this machine.
"""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.test import Client

from django_aws_api_gateway_websockets.local.server import LocalGateway
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession
from tests.browser.conftest import FLAGS, _path

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: Page, sockets, domain and name of the session cookie.
LAYOUTS = {
    "ws.www.example.com": ("www.example.com", "ws.www.example.com", "www.example.com", "sessionid"),
    "ws.example.com": ("www.example.com", "ws.example.com", ".example.com", "www_sessionid"),
    "the gateway's own address": ("localhost", "localhost", None, "sessionid"),
}
OPEN = """
const done = arguments[1];
const ws = new WebSocket(arguments[0]);
ws.onopen = () => { ws.send(JSON.stringify({action: "hello"})); };
ws.onmessage = (event) => done(JSON.parse(event.data));
ws.onclose = (event) => done(event.code);
"""


@pytest.fixture
def browser(tmp_path):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = _path("chromium")
    rules = "MAP *.example.com 127.0.0.1, MAP evil.test 127.0.0.1"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"--host-resolver-rules={rules}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(_path("chromedriver")))
    driver.set_script_timeout(20)
    yield driver
    driver.quit()


@pytest.fixture
def gateway(live_server, settings):
    with LocalGateway(allowed_hosts=("ws.www.example.com", "ws.example.com")) as local:
        settings.WEBSOCKETS = {"LOCAL_GATEWAY": local.url}
        row = ApiGateway.objects.create(api_name="chat", is_local=True, target_base_endpoint=f"{live_server.url}/ws/")
        call_command("createApiGateway", pk=row.pk, stdout=io.StringIO())
        row.refresh_from_db()
        yield row


@pytest.mark.parametrize("layout", LAYOUTS)
def test_hostile_page_is_refused_and_own_page_is_not(browser, gateway, live_server, settings, alice, layout, caplog):
    page, sockets, cookie_domain, cookie_name = LAYOUTS[layout]
    port = live_server.thread.port
    settings.ALLOWED_HOSTS = [".example.com", "localhost", "evil.test"]
    settings.SESSION_COOKIE_DOMAIN, settings.SESSION_COOKIE_NAME = cookie_domain, cookie_name
    if page != "localhost":  # elsewhere it is the gateway's target, the site's own host
        settings.CSRF_TRUSTED_ORIGINS = [f"http://{page}:{port}"]
    url = gateway.websocket_url.replace("127.0.0.1", sockets)
    client = Client()
    client.force_login(alice)
    browser.get(f"http://{page}:{port}/admin/login/")
    cookie = {"name": cookie_name, "value": client.cookies[cookie_name].value, "path": "/"}
    browser.add_cookie({**cookie, **({"domain": cookie_domain} if cookie_domain else {})})

    answer = browser.execute_async_script(OPEN, url)

    assert answer == {"default": {"action": "hello"}, "user": "alice"}
    opened = WebSocketSession.objects.count()
    # The first is the same site to a browser, so the cookie goes along: nothing but the Origin tells.
    hostile = [f"evil.{page}" if "example" in page else "evil.example.com", "evil.test", f"{page}.evil.example.com"]
    for host in hostile:
        browser.get(f"http://{host}:{port}/admin/login/")
        assert browser.execute_async_script(OPEN, url) == 1006
        assert f"Pages of 'http://{host}:{port}' may not open connections to this site." in caplog.text
    assert WebSocketSession.objects.count() == opened
