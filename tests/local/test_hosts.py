"""Host names that the gateway answers, against DNS rebinding, and the URLs that it hands out."""

from __future__ import annotations

import json
import socket
from typing import Any, Iterator, Tuple

import pytest

from django_aws_api_gateway_websockets.local.hosts import AllowedHosts
from django_aws_api_gateway_websockets.local.server import LocalGateway
from tests.sockets import connect

from .conftest import Api, Backend, client, new_api
from .test_data_plane import HANDSHAKE

LOOPBACK = ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.8.9.1", "chat.localhost"]
REBOUND = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "evillocalhost",
    "192.168.1.5",
    "[::2]",
    "localhost.",
    "0.0.0.0",
]
UNKNOWN = "AAAAAAAAAAAAAAA="


def answer(port: int, host: str, path: str, method: str = "GET", body: str = "") -> Tuple[int, Any]:
    """Send a request for ``host`` to loopback, as a browser does for a name that was rebound."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall((head + body).encode())
        raw = b"".join(iter(lambda: sock.recv(65536), b""))
    content = raw.partition(b"\r\n\r\n")[2]
    return int(raw.split()[1]), json.loads(content) if content[:1] in (b"{", b"[") else content.decode()


def handshake(port: int, host: str, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(HANDSHAKE.format(path=path).replace("Host: localhost", f"Host: {host}:{port}").encode())
        return sock.recv(4096)


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_names_are_answered(chat: Api, host: str) -> None:
    port, stage = chat.gateway.port, f"/{chat.api_id}/test"
    assert answer(port, host, f"/v2/apis/{chat.api_id}/integrations")[0] == 200
    assert answer(port, host, f"{stage}/@connections/{UNKNOWN}")[0] == 410
    assert handshake(port, host, stage).startswith(b"HTTP/1.1 101")


@pytest.mark.parametrize("host", REBOUND)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/apis/API/integrations"),
        ("DELETE", "/v2/apis/API"),
        ("POST", f"/API/test/@connections/{UNKNOWN}"),
        ("GET", f"/API/test/%40connections/{UNKNOWN}"),
        ("GET", "/API/test"),
        ("GET", "/"),
    ],
)
def test_other_names_get_421(chat: Api, host: str, method: str, path: str) -> None:
    status, said = answer(chat.gateway.port, host, path.replace("API", chat.api_id), method)
    assert status == 421
    assert "--allowed-host" in said["message"]
    assert chat.api_id not in json.dumps(said)
    assert chat.control.get_api(ApiId=chat.api_id)


@pytest.mark.parametrize("host", REBOUND)
def test_other_names_open_no_socket(chat: Api, host: str) -> None:
    port, stage = chat.gateway.port, f"/{chat.api_id}/test"
    assert handshake(port, host, stage).startswith(b"HTTP/1.1 421")
    assert chat.backend.received == []
    assert chat.control.get_api(ApiId=chat.api_id)


def test_a_custom_domain_serves_sockets_but_no_control_plane(chat: Api) -> None:
    port = chat.gateway.port
    chat.control.create_domain_name(DomainName="ws.shop.test")
    chat.control.create_api_mapping(DomainName="ws.shop.test", ApiId=chat.api_id, Stage="test")
    assert handshake(port, "ws.shop.test", "/").startswith(b"HTTP/1.1 101")
    assert answer(port, "ws.shop.test", f"/@connections/{UNKNOWN}")[0] == 410
    assert answer(port, "ws.shop.test", f"/v2/apis/{chat.api_id}/integrations")[0] == 421


@pytest.fixture
def public(backend: Backend) -> Iterator[Api]:
    with LocalGateway(public_url="https://sockets.test", allowed_hosts=("gateway", "Box.test:8001")) as gateway:
        api = new_api(gateway, client("apigatewayv2", gateway.url), backend)
        api.route("$connect")
        api.deploy()
        yield api


@pytest.mark.parametrize("host", ["sockets.test", "gateway", "box.test", "127.0.0.1"])
def test_names_given_by_option_are_answered(public: Api, host: str) -> None:
    assert answer(public.gateway.port, host, f"/v2/apis/{public.api_id}")[0] == 200
    assert handshake(public.gateway.port, host, f"/{public.api_id}/test").startswith(b"HTTP/1.1 101")


def test_the_public_url_is_what_clients_get(public: Api) -> None:
    assert public.control.get_api(ApiId=public.api_id)["ApiEndpoint"] == f"wss://sockets.test/{public.api_id}"
    assert f"wss://sockets.test/{public.api_id}/test" in answer(public.gateway.port, "localhost", "/")[1]
    handshake(public.gateway.port, "sockets.test", f"/{public.api_id}/test")
    headers = public.backend.wait("/connect")[0].headers
    assert (headers["X-Forwarded-Proto"], headers["X-Forwarded-Port"]) == ("https", "443")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_every_interface_needs_a_public_url(host: str) -> None:
    with pytest.raises(ValueError, match="public_url"):
        LocalGateway(host=host)


def test_a_gateway_on_every_interface_hands_out_its_public_url() -> None:
    with LocalGateway(host="0.0.0.0", public_url="http://box.test:81") as gateway:
        control = client("apigatewayv2", gateway.url)
        assert control.create_api(Name="n", ProtocolType="WEBSOCKET")["ApiEndpoint"].startswith("ws://box.test:81/")
        assert answer(gateway.port, "0.0.0.0", "/v2/apis")[0] == 421


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_sockets_open_under_localhost_and_its_address(chat: Api, name: str) -> None:
    with connect(chat.url.replace("127.0.0.1", name)) as ws:
        ws.send("{}")
        chat.backend.wait("/default")


@pytest.mark.parametrize("host", ["", "[", "]", "[]", "localhost:", "%31%32%37.0.0.1", "١٢٧.0.0.1"])
def test_odd_hosts_are_not_loopback(host: str) -> None:
    assert host not in AllowedHosts()
