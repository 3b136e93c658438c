"""The template tags `gateway_socket` and `websocket_url`, as a page renders them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import django
import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.core.management import call_command
from django.http import HttpResponse
from django.template import Context, RequestContext, Template, TemplateSyntaxError
from django.test import override_settings
from django.urls import path

from django_aws_api_gateway_websockets.exceptions import GatewayNotCreated
from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
URL = "wss://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/production"


def page(request):
    tag = '{% load gateway_socket %}{% gateway_socket "chat" channel="lobby" token="ws-token" %}'
    return HttpResponse(Template(tag).render(RequestContext(request)))


urlpatterns = [path("page/", page), path("check/", page, name="ws-check"), path("token/", page, name="ws-token")]


@pytest.fixture(autouse=True)
def nothing_counted():
    cache.clear()


def render(tag, request=None, **context):
    template = Template("{% load gateway_socket %}{% " + tag + " %}")
    return template.render(Context(context) if request is None else RequestContext(request, context))


def settings_of(html):
    (found,) = re.findall(r'<script id="gateway-socket" type="application/json">(.*?)</script>', html)
    return json.loads(found)


def attributes_of(html):
    (found,) = re.findall(r'<script type="module"(.*?)></script>', html)
    return dict(re.findall(r'(\w+)="(.*?)"', found))


def test_the_settings_of_the_socket_are_json(gateway):
    html = render('gateway_socket "chat" channel=room', room="Chatroom 1 & more")
    assert settings_of(html) == {
        "url": f"{URL}?channel=Chatroom+1+%26+more",
        "window": 0.5,
        "action": "action",
    }


def test_a_name_cannot_break_out_of_the_page(gateway):
    html = render('gateway_socket "chat" channel=room', room="</script><script>alert(1)</script>")
    assert html.count("<script") == html.count("</script>") == 2


@pytest.mark.parametrize(
    "text", ['"><script>alert(1)</script>', "' onload='alert(1)", "</script><b>", "\\u003c", "&quot;>"]
)
@pytest.mark.parametrize("tag", ['"chat" channel=text', '"chat" id=text', '"chat" token=text', '"chat" check=text'])
def test_no_argument_breaks_out_of_its_attribute(gateway, rf, tag, text):
    html = render(f"gateway_socket {tag}", rf.get("/"), text=f"/{text}")
    parser = Elements()
    parser.feed(html)
    assert [name for name, _ in parser.found] == ["script", "script"]
    assert [set(attributes) for _, attributes in parser.found] == [{"id", "type"}, {"type", "src", "integrity"}]
    url = render(f"websocket_url {tag}", rf.get("/"), text=text)
    assert not set("<>\"'") & set(url)


class Elements(HTMLParser):
    """The elements of a page as a browser finds them."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("bundle", ["", "page2", "../../secrets", "page.js?", "/etc/passwd"])
def test_only_bundles_of_the_package_are_taken(gateway, bundle):
    with pytest.raises(TemplateSyntaxError, match="page, htmx2 or htmx4"):
        render('gateway_socket "chat" bundle=bundle', bundle=bundle)


def test_the_first_window_grows_with_the_crowd(gateway):
    WebSocketSession.objects.bulk_create(
        WebSocketSession(connection_id=f"c{number}", api_gateway=gateway) for number in range(1000)
    )
    assert settings_of(render('gateway_socket "chat"'))["window"] == 2.5


def test_a_failing_cache_does_not_break_a_page(gateway, settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
        "down": {"BACKEND": "tests.test_template_tags.CacheThatIsDown"},
    }
    settings.WEBSOCKETS = {"CACHE": "down"}
    assert settings_of(render('gateway_socket "chat"'))["window"] == 0.5


class CacheThatIsDown:
    def __init__(self, *args):
        pass

    def get(self, *args):
        raise ConnectionError

    def close(self):
        pass


@pytest.mark.parametrize(
    ("expression", "key"),
    [("$request.body.action", "action"), ("$request.body.type", "type"), ("${request.body.data.verb}", "action")],
)
def test_the_client_learns_which_key_picks_the_route(gateway, expression, key):
    ApiGateway.objects.update(route_selection_expression=expression)
    assert settings_of(render('gateway_socket "chat"'))["action"] == key


def test_the_check_and_the_token_are_found_by_name(gateway, client):
    html = client.get("/page/")
    found = settings_of(html.content.decode())
    assert found["token"]["endpoint"] == "/token/"
    assert html.cookies["csrftoken"]
    assert len(found["token"]["csrfToken"]) == 64
    assert settings_of(render('gateway_socket "chat" check="ws-check"'))["check"] == "/check/"


def test_a_token_needs_the_request(gateway):
    with pytest.raises(TemplateSyntaxError, match="needs the request"):
        render('gateway_socket "chat" token="ws-token"')


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_local_socket_has_the_host_of_the_page(gateway, rf, host, settings):
    settings.ALLOWED_HOSTS = ["*"]
    ApiGateway.objects.update(api_endpoint="ws://127.0.0.1:8001/a1b2")
    request = rf.get("/", HTTP_HOST=f"{host}:8000")
    assert settings_of(render('gateway_socket "chat"', request))["url"] == f"ws://{host}:8001/a1b2/production"
    assert render('websocket_url "chat"', request) == f"ws://{host}:8001/a1b2/production"


def test_the_url_alone_is_escaped_for_an_attribute(gateway):
    assert render('websocket_url "chat" channel="a&b" tab=2') == f"{URL}?channel=a%26b&amp;tab=2"
    assert render('websocket_url "chat" channel=nothing') == URL
    assert render("websocket_url row", row=gateway) == URL


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ('websocket_url "chat"', "chat"),
        ('gateway_socket "chat"', "chat"),
        ("websocket_url row", "chat"),
        ('websocket_url "other"', "other"),
    ],
)
def test_a_gateway_without_an_api_is_named(gateway, tag, name):
    gateway.api_endpoint = ""
    gateway.save()
    with pytest.raises(GatewayNotCreated, match=f"no API called '{name}' exists"):
        render(tag, row=gateway)


def test_a_wrong_name_lists_the_names_that_exist(gateway):
    ApiGateway.objects.create(api_name="draft")
    with pytest.raises(GatewayNotCreated, match=r"no API called 'caht' exists\. These exist: 'chat'\. Use one"):
        render('gateway_socket "caht"')


def test_two_gateways_of_one_name_need_the_row(gateway):
    other = ApiGateway.objects.create(
        api_name="chat", api_id="z9", api_endpoint="wss://other.example.com", api_created=True
    )
    with pytest.raises(GatewayNotCreated, match="2 gateways are called 'chat'"):
        render('websocket_url "chat"')
    assert render("websocket_url row", row=other) == "wss://other.example.com/production"


@pytest.mark.parametrize("bundle", ["page", "htmx2", "htmx4"])
def test_each_bundle_has_the_hash_of_its_file(gateway, bundle):
    found = attributes_of(render(f'gateway_socket "chat" bundle="{bundle}"'))
    assert found["src"] == f"/static/django_aws_api_gateway_websockets/gateway-socket.{bundle}.js"
    assert set(found) == {"src", "integrity"}
    assert "integrity" not in render(f'gateway_socket "chat" bundle="{bundle}" integrity=False')


def test_the_hash_is_that_of_the_collected_file(gateway, settings, tmp_path):
    settings.STATIC_ROOT = str(tmp_path)
    manifest = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    with override_settings(STORAGES={"staticfiles": {"BACKEND": manifest}}):
        call_command("collectstatic", interactive=False, verbosity=0)
        found = attributes_of(render('gateway_socket "chat"'))
        assert re.search(r"gateway-socket\.page\.[0-9a-f]{12}\.js$", found["src"])
        served = Path(staticfiles_storage.path(found["src"][len("/static/") :])).read_bytes()
    digest = base64.b64encode(hashlib.sha384(served).digest()).decode()
    assert found["integrity"] == f"sha384-{digest}"


def test_the_nonce_of_django_csp_is_used(gateway, rf):
    request = rf.get("/")
    request.csp_nonce = "abc"
    assert attributes_of(render('gateway_socket "chat"', request))["nonce"] == "abc"


@pytest.mark.skipif(django.VERSION < (6, 0), reason="needs Django 6.0: its CSP middleware")
def test_the_nonce_of_django_is_used(gateway, rf):
    from django.middleware.csp import ContentSecurityPolicyMiddleware
    from django.template.context_processors import csp

    request = rf.get("/")
    ContentSecurityPolicyMiddleware(lambda request: HttpResponse()).process_request(request)
    html = render('gateway_socket "chat"', **csp(request))
    assert len(attributes_of(html)["nonce"]) > 10


def test_no_script_is_inline(gateway):
    scripts = re.findall(r"<script([^>]*)>", render('gateway_socket "chat"'))
    assert all("src=" in one or 'type="application/json"' in one for one in scripts)


@pytest.mark.parametrize("name", ["tag", "htmx", "htmx4"])
def test_the_examples_render(gateway, name):
    example = Path(__file__).resolve().parent.parent / f"docs/examples/gateway_socket_{name}.html"
    html = Template(example.read_text(encoding="utf-8")).render(Context({"room": "lobby"}))
    assert settings_of(html)["url"] == f"{URL}?channel=lobby"
