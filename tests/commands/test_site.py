"""``runLocalGateway --site``: the rows that it keeps. The processes themselves: tests/end_to_end/test_quickstart.py."""

from __future__ import annotations

import io
import socket

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.urls import include, path

from django_aws_api_gateway_websockets.exceptions import AwsError
from django_aws_api_gateway_websockets.models import ApiGateway
from django_aws_api_gateway_websockets.views import WebSocketView

SITE = "http://127.0.0.1:8000/"


class Chat(WebSocketView):
    pass


class News(WebSocketView):
    pass


class OfTenant(WebSocketView):
    pass


urlpatterns = [
    path("ws/<slug:route>", Chat.as_view()),
    path("in/", include([path("news/<route>", News.as_view())])),
]


class WithTenant:
    urlpatterns = [path("<slug:tenant>/ws/<slug:route>", OfTenant.as_view())]


pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def debug(settings, local_gateway):
    settings.DEBUG = True


def keep(site=SITE):
    out = io.StringIO()
    call_command("runLocalGateway", keep_rows=site, stdout=out)
    return out.getvalue()


def targets():
    return list(ApiGateway.objects.order_by("pk").values_list("api_name", "target_base_endpoint", "is_local"))


def test_each_mounted_view_gets_a_row_and_an_api(debug):
    said = keep()
    assert targets() == [("Chat", f"{SITE}ws/", True), ("News", f"{SITE}in/news/", True)]
    for row in ApiGateway.objects.all():
        assert f"{row.api_name}: {row.websocket_url}\n" in said
        assert row.status == "in_step"
    assert said.endswith(f"Open {SITE}\n")


def test_a_second_run_keeps_the_apis(debug):
    assert keep() == keep()
    assert ApiGateway.objects.count() == 2


def test_another_port_of_the_site_is_followed(debug):
    keep()
    before = list(ApiGateway.objects.values_list("api_id", flat=True))
    keep("http://127.0.0.1:8100/")
    assert {target for _, target, _ in targets()} == {"http://127.0.0.1:8100/ws/", "http://127.0.0.1:8100/in/news/"}
    assert list(ApiGateway.objects.values_list("api_id", flat=True)) == before


def test_rows_of_aws_are_never_touched(debug, gateway):
    before = ApiGateway.objects.filter(pk=gateway.pk).values().get()
    keep()
    assert ApiGateway.objects.filter(pk=gateway.pk).values().get() == before
    assert ApiGateway.objects.filter(is_local=True).count() == 2


def test_a_row_whose_api_is_in_aws_stays_even_when_marked(debug, gateway):
    ApiGateway.objects.update(is_local=True)
    assert "Chat: The API is at wss://a1b2c3d4e5.execute-api" in keep()
    gateway.refresh_from_db()
    assert (gateway.api_id, gateway.target_base_endpoint) == ("a1b2c3d4e5", "https://testserver/ws/")


@override_settings(ROOT_URLCONF=WithTenant)
def test_a_view_with_more_parameters_needs_a_row_by_hand(debug):
    assert "OfTenant: no gateway was created, because '<slug:tenant>/ws/<slug:route>'" in keep()
    assert targets() == []


def test_without_debug_no_row_is_made(local_gateway):
    assert "DEBUG is False" in keep()
    assert targets() == []


def test_one_failure_does_not_stop_the_others(debug, settings):
    ApiGateway.objects.create(api_name="Chat", target_base_endpoint=f"{SITE}ws/", is_local=True, domain_name="x y")
    said = keep()
    assert "Chat: 'Chat' cannot be created. domain_name" in said
    assert f"News: {ApiGateway.objects.get(api_name='News').websocket_url}" in said


def test_a_gateway_that_does_not_run_is_said(debug, settings):
    settings.WEBSOCKETS = {"LOCAL_GATEWAY": "http://127.0.0.1:9"}
    assert "check that runLocalGateway is running" in keep()


@pytest.mark.parametrize(
    "addrport",
    [
        "here",
        "127.0.0.1",
        "127.0.0.1:x",
        ":",
        "",
        "0",
        "-1",
        "65536",
        "99999",
        "1.2.3.4:0",
        "²",
        "[:]:80",
        "http://x:80",
    ],
)
def test_an_address_without_a_usable_port_is_refused(addrport):
    with pytest.raises(CommandError, match="expected PORT or ADDRESS:PORT") as refused:
        call_command("runLocalGateway", site=addrport)
    assert refused.value.returncode == 2


def test_a_name_that_no_host_can_have_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("runLocalGateway", "--host", "a" * 70, "--allow-remote")
    assert ended.value.code == 2
    assert "is not the name of a host" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["127.0.0.1:8001", "localhost:8001", "ws://127.0.0.1:8001", "http://", 8001, None])
@pytest.mark.parametrize("words", [(), ("--site",), ("--port", "8101")])
def test_a_local_gateway_without_a_scheme_is_refused(settings, url, words):
    settings.WEBSOCKETS = {"LOCAL_GATEWAY": url}
    with pytest.raises(CommandError, match=r"\['LOCAL_GATEWAY'\] is .*, which is not a URL\. Write http://HOST:PORT"):
        call_command("runLocalGateway", *words)
    row = ApiGateway(api_name="Chat", target_base_endpoint=f"{SITE}ws/", is_local=True)
    with pytest.raises(AwsError, match="Write http://HOST:PORT"):
        row.create_gateway()


def test_a_port_that_the_site_does_not_know_is_refused():
    with pytest.raises(CommandError, match="the site looks for it at "):
        call_command("runLocalGateway", "--site", "--port", "8101")


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["", "127.0.0.1:", "0.0.0.0:"])
def test_a_site_port_in_use_is_named_with_the_option(taken, host):
    with pytest.raises(CommandError, match=rf"127\.0\.0\.1:{taken} is in use.*--site PORT"):
        call_command("runLocalGateway", site=f"{host}{taken}")


def test_a_gateway_port_in_use_names_the_setting(taken, settings, capsys):
    settings.WEBSOCKETS = {"LOCAL_GATEWAY": f"http://127.0.0.1:{taken}"}
    with pytest.raises(SystemExit) as ended:
        call_command("runLocalGateway")
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert f"127.0.0.1:{taken} is in use" in said
    assert 'WEBSOCKETS = {"LOCAL_GATEWAY": "http://127.0.0.1:PORT"}' in said
    assert "--site PORT" in said
    assert "--port" not in said


def test_a_page_on_localhost_gets_a_socket_on_localhost(debug, rf):
    keep()
    row = ApiGateway.objects.first()
    for host in ("localhost:8000", "127.0.0.1:8000"):
        url = row.websocket_url_for(rf.get("/", HTTP_HOST=host))
        assert url == row.websocket_url.replace("127.0.0.1", host.split(":")[0])


def test_the_socket_of_a_public_gateway_keeps_its_host(gateway, rf):
    assert gateway.websocket_url_for(rf.get("/", HTTP_HOST="localhost:8000")) == gateway.websocket_url
