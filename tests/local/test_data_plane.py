"""Real sockets through the gateway to a real backend."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from typing import Any, Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from django_aws_api_gateway_websockets.local.server import LocalGateway
from tests.sockets import connect

from .conftest import Api, Backend, client, message, new_api


def closed_with(ws: ClientConnection) -> int:
    """Return the code with which the gateway closes the connection."""
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            ws.recv(timeout=5)
    assert caught.value.rcvd is not None
    return int(caught.value.rcvd.code)


def refused_with(url: str, **options: Any) -> int:
    with pytest.raises(InvalidStatus) as caught, connect(url, **options):
        pass
    return int(caught.value.response.status_code)


def connection_id(api: Api, nth: int = -1) -> str:
    return api.backend.wait("/connect")[nth].headers["connectionId"]


# -- $connect -------------------------------------------------------------------------------------------------


def test_connect_passes_the_handshake_on(chat: Api) -> None:
    headers = {"Cookie": "sessionid=s", "X-Forwarded-For": "6.6.6.6", "connectionid": "forged"}
    with connect(f"{chat.url}?channel=a+b", origin="http://site", additional_headers=headers):
        got = chat.backend.wait("/connect")[0]
    assert (got.method, got.path, got.body) == ("POST", "/connect?channel=a+b", b"")
    assert got.headers["Cookie"] == "sessionid=s"
    assert got.headers["Origin"] == "http://site"
    assert got.headers["Sec-WebSocket-Version"] == "13"
    assert got.headers["X-Forwarded-For"] == "6.6.6.6, 127.0.0.1"
    assert got.headers["X-Amzn-Apigateway-Api-Id"] == chat.api_id
    assert re.match(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}\Z", got.headers["X-Amzn-Trace-Id"])
    assert re.match(r"[\w-]{15}=\Z", got.headers["connectionId"])
    assert not {"Connection", "Upgrade", "Accept-Encoding"} & set(got.headers)
    assert "websockets" in got.headers["User-Agent"]


def test_a_client_without_a_user_agent_gets_the_gateways(chat: Api) -> None:
    with connect(chat.url, user_agent_header=None):
        assert chat.backend.wait("/connect")[0].headers["User-Agent"] == f"AmazonAPIGateway_{chat.api_id}"


@pytest.mark.parametrize(("answer", "seen"), [(400, 400), (403, 403), (302, 502), (500, 502), (503, 502)])
def test_a_refused_connect_is_refused_before_the_upgrade(chat: Api, answer: int, seen: int) -> None:
    chat.backend.answers["/connect"] = (answer, {"X-Reason": "r"}, b"body")
    with pytest.raises(InvalidStatus) as caught, connect(chat.url):
        pass
    assert caught.value.response.status_code == seen
    assert "X-Reason" not in caught.value.response.headers
    assert b"body" not in (caught.value.response.body or b"")


def test_an_unreachable_and_a_slow_backend_are_bad_gateways(api: Api) -> None:
    route = api.route("$connect", IntegrationUri="http://127.0.0.1:9/")
    api.deploy()
    assert refused_with(api.url) == 502
    release = threading.Event()
    api.backend.answers["/slow"] = lambda got: (release.wait(5), 200)[1]
    target = f"integrations/{api.integration('/slow', TimeoutInMillis=50)}"
    api.control.update_route(ApiId=api.api_id, RouteId=route, Target=target)
    api.deploy()
    assert refused_with(api.url) == 502
    release.set()


def test_a_stage_without_a_deployment_is_forbidden(api: Api) -> None:
    assert refused_with(api.url) == 403
    assert refused_with(f"{api.url}s") == 403
    assert refused_with(f"ws://127.0.0.1:{api.gateway.port}/none/test") == 403


def test_only_an_offered_subprotocol_is_accepted(chat: Api) -> None:
    chat.backend.answers["/connect"] = (200, {"Sec-WebSocket-Protocol": "b"}, b"")
    with connect(chat.url, subprotocols=["a", "b"]) as ws:
        assert ws.subprotocol == "b"
    with connect(chat.url, subprotocols=["c"]) as ws:
        assert ws.subprotocol is None


def test_a_required_parameter_can_be_mapped(api: Api) -> None:
    target = api.integration("/connect", {"integration.request.header.token": "route.request.querystring.token"})
    api.control.create_route(
        ApiId=api.api_id,
        RouteKey="$connect",
        Target=f"integrations/{target}",
        RequestParameters={"route.request.querystring.token": {"Required": True}},
    )
    api.deploy()
    assert refused_with(api.url) == 400
    with connect(f"{api.url}?token=t"):
        assert api.backend.wait("/connect")[0].headers["token"] == "t"


def test_too_long_a_url_is_refused(chat: Api) -> None:
    assert refused_with(f"{chat.url}?{'x' * 4096}") == 414


# -- messages -------------------------------------------------------------------------------------------------


def test_messages_carry_nothing_of_the_handshake(chat: Api) -> None:
    with connect(chat.url, origin="http://site", additional_headers={"Cookie": "a=b"}) as ws:
        ws.send("not json, but text: é")
        got = chat.backend.wait("/default")[0]
    assert got.body.decode() == "not json, but text: é"
    assert set(got.headers) == {
        *("Accept", "Content-Type", "Content-Length", "User-Agent", "Host"),
        *("X-Amzn-Apigateway-Api-Id", "X-Amzn-Trace-Id", "connectionId"),
    }
    assert f"http://{got.headers['Host']}" == chat.backend.url
    assert got.headers["connectionId"] == connection_id(chat)


def test_context_variables_reach_the_backend(api: Api) -> None:
    names = [
        *("connectionId", "connectedAt", "domainName", "eventType", "messageId", "routeKey", "requestId"),
        *("extendedRequestId", "apiId", "stage", "requestTime", "requestTimeEpoch"),
        *("identity.sourceIp", "identity.userAgent"),
    ]
    api.route("hello", parameters={f"integration.request.header.x-{name}": f"context.{name}" for name in names})
    api.deploy()
    with connect(api.url) as ws:
        ws.send(message("hello"))
        headers = api.backend.wait("/hello")[0].headers
    assert all(headers[f"x-{name}"] for name in names)
    assert headers["x-eventType"] == "MESSAGE"
    assert headers["x-routeKey"] == "hello"
    assert (headers["x-apiId"], headers["x-stage"]) == (api.api_id, "test")
    assert headers["x-identity.sourceIp"] == "127.0.0.1"
    assert headers["x-domainName"] == f"127.0.0.1:{api.gateway.port}"
    assert abs(int(headers["x-requestTimeEpoch"]) - int(headers["x-connectedAt"])) < 5000


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (message("hello"), "/hello"),
        (message("7"), "/seven"),
        ('{"action": 7}', "/seven"),
        (message("other"), "/default"),
        (message("$connect"), "/default"),
        ("{}", "/default"),
        ("[1]", "/default"),
        ("nonsense", "/default"),
        ("[" * 20000, "/default"),
    ],
)
def test_route_selection(api: Api, text: str, path: str) -> None:
    api.route("$connect")
    api.route("$default")
    api.route("hello")
    api.route("7", "/seven")
    api.deploy()
    with connect(api.url) as ws:
        ws.send(text)
        assert api.backend.wait(path)[0].body.decode() == text


def test_a_two_way_route_answers_with_the_body_as_it_is(api: Api) -> None:
    api.route("echo", two_way=True)
    api.route("fails", two_way=True)
    api.deploy()
    api.backend.answers["/echo"] = lambda got: (200, {}, got.body)
    api.backend.answers["/fails"] = (500, {}, b"broken")
    with connect(api.url) as ws:
        ws.send(message("echo", text="é"))
        assert ws.recv(timeout=5) == message("echo", text="é")
        ws.send(message("fails"))
        assert ws.recv(timeout=5) == "broken"


def test_error_frames(api: Api) -> None:
    api.route("gone", IntegrationUri="http://127.0.0.1:9/")
    api.route("slow", TimeoutInMillis=50)
    api.deploy()
    release = threading.Event()
    api.backend.answers["/slow"] = lambda got: (release.wait(5), 200)[1]
    with connect(api.url) as ws:
        frames = []
        for action in ("gone", "slow", "unknown"):
            ws.send(message(action))
            frames.append(json.loads(ws.recv(timeout=5)))
    release.set()
    assert [frame["message"] for frame in frames] == [
        "Internal server error",
        "Endpoint request timed out",
        "Forbidden",
    ]
    assert all(frame["connectionId"] and frame["requestId"] for frame in frames)


def test_a_value_that_no_header_can_hold_is_an_error_frame(api: Api) -> None:
    api.route("odd", parameters={"integration.request.querystring.x": "route.request.body.x"})
    api.deploy()
    with connect(api.url) as ws:
        ws.send('{"action": "odd", "x": "\\ud800"}')
        assert json.loads(ws.recv(timeout=5))["message"] == "Internal server error"


@pytest.mark.parametrize("room", ["..", ".", "", None, "../admin", "a/../../admin", "a/b", "..\\admin", "/", "\n/"])
def test_a_mapped_path_parameter_leads_to_no_other_path(api: Api, room: Any) -> None:
    parameters = {"integration.request.path.room": "route.request.body.room"}
    api.route("$default", "/rooms/{room}/messages", parameters=parameters)
    api.deploy()
    with connect(api.url) as ws:
        ws.send(json.dumps({"room": room}))
        assert json.loads(ws.recv(timeout=5))["message"] == "Internal server error"
        ws.send(json.dumps({"room": "..%2f.. &é"}))
        api.backend.wait("/rooms/..%252f..%20%26%C3%A9/messages")
    assert len(api.backend.received) == 1


@pytest.mark.parametrize("query", ["id=forged", "a=1&i%64=forged", "a=1#"])
def test_a_client_cannot_write_a_mapped_query_parameter(api: Api, query: str) -> None:
    api.route("$connect", parameters={"integration.request.querystring.id": "context.connectionId"})
    api.deploy()
    with socket.create_connection(("127.0.0.1", api.gateway.port)) as raw:
        raw.sendall(HANDSHAKE.format(path=f"/{api.api_id}/test?{query}").encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 101")
    got = api.backend.wait("/connect")[0]
    assert parse_qs(urlsplit(got.path).query)["id"] == [got.headers["connectionId"]]


def delete_stage(api: Api) -> None:
    api.control.delete_stage(ApiId=api.api_id, StageName="test")


def delete_api(api: Api) -> None:
    api.control.delete_api(ApiId=api.api_id)


def delete_api_after_stage(api: Api) -> None:
    delete_stage(api)
    delete_api(api)


@pytest.mark.parametrize("delete", [delete_stage, delete_api, delete_api_after_stage])
def test_deleting_a_stage_or_api_closes_its_connections(chat: Api, delete: Callable[[Api], None]) -> None:
    chat.control.create_stage(ApiId=chat.api_id, StageName="other")
    chat.control.create_deployment(ApiId=chat.api_id, StageName="other")
    with connect(chat.url) as first, connect(chat.url) as second:
        delete(chat)
        assert (closed_with(first), closed_with(second)) == (1001, 1001)
        assert refused_with(chat.url) == 403


def test_deleting_a_stage_keeps_the_connections_of_others(chat: Api) -> None:
    chat.control.create_stage(ApiId=chat.api_id, StageName="other")
    chat.control.create_deployment(ApiId=chat.api_id, StageName="other")
    with connect(chat.url), connect(chat.url.replace("/test", "/other")) as other:
        delete_stage(chat)
        other.send("{}")
        chat.backend.wait("/default")


def test_a_stage_deleted_during_connect_closes_the_connection(chat: Api) -> None:
    chat.backend.answers["/connect"] = lambda got: (delete_stage(chat), 200)[1]
    with connect(chat.url) as ws:
        assert closed_with(ws) == 1001


@pytest.mark.parametrize("template", ['{"statusCode": 200}', "{", '{"statusCode": []}', "[" * 20_000])
def test_a_mock_integration_answers_by_itself(api: Api, template: str) -> None:
    mock = api.control.create_integration(
        ApiId=api.api_id,
        IntegrationType="MOCK",
        RequestTemplates={"$default": template},
        TemplateSelectionExpression="\\$default",
    )["IntegrationId"]
    api.control.create_integration_response(
        ApiId=api.api_id,
        IntegrationId=mock,
        IntegrationResponseKey="$default",
        ResponseTemplates={"$default": '{"pong": true}'},
    )
    for key in ("$connect", "ping"):
        route = api.control.create_route(ApiId=api.api_id, RouteKey=key, Target=f"integrations/{mock}")["RouteId"]
    api.control.create_route_response(ApiId=api.api_id, RouteId=route, RouteResponseKey="$default")
    api.deploy()
    with connect(api.url) as ws:
        ws.send(message("ping"))
        assert ws.recv(timeout=5) == '{"pong": true}'


def test_only_what_was_deployed_is_served(chat: Api) -> None:
    with connect(chat.url) as ws:
        chat.route("late")
        ws.send(message("late", n=1))
        assert len(chat.backend.wait("/default")) == 1
        chat.deploy()
        ws.send(message("late", n=2))
        assert chat.backend.wait("/late")[0].body == message("late", n=2).encode()


def test_stage_variables_apply_at_once(api: Api) -> None:
    api.route("$default", IntegrationUri=api.backend.url + "/${stageVariables.version}")
    api.deploy()
    with connect(api.url) as ws:
        for version in ("v1", "v2"):
            api.control.update_stage(ApiId=api.api_id, StageName="test", StageVariables={"version": version})
            ws.send("{}")
            api.backend.wait(f"/{version}")


def test_auto_deploy_serves_a_new_route_at_once(api: Api) -> None:
    api.control.update_stage(ApiId=api.api_id, StageName="test", AutoDeploy=True)
    api.route("auto")
    with connect(api.url) as ws:
        ws.send(message("auto"))
        api.backend.wait("/auto")
    assert len(api.control.get_deployments(ApiId=api.api_id)["Items"]) == 1


def test_a_slow_message_does_not_delay_others(chat: Api) -> None:
    release, arrived = threading.Event(), threading.Event()

    def slow(got: Any) -> int:
        if b"slow" in got.body:
            arrived.set()
            release.wait(5)
        return 200

    chat.backend.answers["/default"] = slow
    with connect(chat.url) as first, connect(chat.url) as second:
        first.send(message("slow"))
        assert arrived.wait(5)
        first.send(message("quick"))
        second.send(message("other"))
        bodies = [got.body for got in chat.backend.wait("/default", 3)]
        assert message("quick").encode() in bodies
        release.set()


# -- the end --------------------------------------------------------------------------------------------------


def test_disconnect_follows_a_clean_close(chat: Api) -> None:
    with connect(chat.url):
        pass
    got = chat.backend.wait("/disconnect")[0]
    assert got.headers["connectionId"] == connection_id(chat)
    assert "Sec-WebSocket-Key" not in got.headers


HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.mark.parametrize("reset", [True, False])
def test_disconnect_follows_a_client_that_dies(chat: Api, reset: bool) -> None:
    with socket.create_connection(("127.0.0.1", chat.gateway.port)) as raw:
        raw.sendall(HANDSHAKE.format(path=f"/{chat.api_id}/test").encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 101")
        if reset:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert chat.backend.wait("/disconnect")[0].headers["connectionId"] == connection_id(chat)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"binary", 1003),
        ("x" * (32 * 1024 + 1), 1009),
        ("é" * (16 * 1024 + 1), 1009),
        (["x" * 32 * 1024] * 4 + ["x"], 1009),
    ],
)
def test_limits_close_the_connection(chat: Api, frames: Any, code: int) -> None:
    with connect(chat.url, compression=None) as ws:
        ws.send(frames)
        assert closed_with(ws) == code
    chat.backend.wait("/disconnect")
    assert not [got for got in chat.backend.received if got.path == "/default"]


@pytest.mark.parametrize("frames", ["x" * 32 * 1024, ["x" * 32 * 1024] * 4])
def test_messages_just_within_the_limits_arrive(chat: Api, frames: Any) -> None:
    with connect(chat.url, compression=None) as ws:
        ws.send(frames)
        assert chat.backend.wait("/default")[0].body.decode() == "".join(frames)


def test_a_huge_frame_is_refused_before_it_has_arrived(chat: Api) -> None:
    with connect(chat.url, compression=None) as ws:
        with pytest.raises(ConnectionClosed):
            ws.send("x" * 30_000_000)
            ws.recv(timeout=5)
        assert ws.protocol.close_code == 1009


def test_text_that_is_not_utf8_is_a_protocol_error(chat: Api) -> None:
    with socket.create_connection(("127.0.0.1", chat.gateway.port)) as raw:
        raw.sendall(HANDSHAKE.format(path=f"/{chat.api_id}/test").encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 101")
        raw.sendall(b"\x81\x82\0\0\0\0\xff\xfe")
        assert raw.recv(4096)[2:4] == struct.pack("!H", 1007)


def test_ping_is_answered_and_never_reaches_the_backend(chat: Api) -> None:
    with connect(chat.url) as ws:
        assert ws.ping().wait(5)
    chat.backend.wait("/disconnect")
    assert {got.path for got in chat.backend.received} == {"/connect", "/disconnect"}


def test_a_client_that_does_not_read_pongs_is_not_read(chat: Api) -> None:
    with socket.create_connection(("127.0.0.1", chat.gateway.port)) as raw:
        raw.sendall(HANDSHAKE.format(path=f"/{chat.api_id}/test").encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 101")
        raw.settimeout(0.5)
        ping = b"\x89\xfd\0\0\0\0" + b"x" * 125
        with pytest.raises(socket.timeout):
            for _ in range(400):  # 50 MB, which are more than the kernel holds for two sockets
                raw.sendall(ping * 1000)


@pytest.fixture
def hasty(backend: Backend) -> Iterator[Api]:
    """An API on a gateway with an idle limit of 0.3 s and a life of 0.8 s."""
    with LocalGateway(idle_timeout=0.3, max_connection_age=0.8, integration_timeout=0.2) as gateway:
        api = new_api(gateway, client("apigatewayv2", gateway.url), backend)
        for key in ("$disconnect", "$default", "slow"):
            api.route(key)
        api.deploy()
        yield api


def test_an_idle_connection_is_closed(hasty: Api) -> None:
    with connect(hasty.url) as ws:
        assert closed_with(ws) == 1001
    hasty.backend.wait("/disconnect")


def test_a_busy_connection_ends_by_age(hasty: Api) -> None:
    with connect(hasty.url) as ws:
        sent = 0
        with pytest.raises(ConnectionClosed):
            while sent < 50:
                ws.send("{}")
                sent += 1
                with pytest.raises(TimeoutError):
                    ws.recv(timeout=0.1)
        assert ws.protocol.close_code == 1001
    assert sent >= 5


def test_the_option_bounds_every_integration(hasty: Api) -> None:
    release = threading.Event()
    hasty.backend.answers["/slow"] = lambda got: (release.wait(5), 200)[1]
    with connect(hasty.url) as ws:
        ws.send(message("slow"))
        assert json.loads(ws.recv(timeout=5))["message"] == "Endpoint request timed out"
    release.set()


def test_stopping_closes_clients_and_tells_the_backend(backend: Backend) -> None:
    gateway = LocalGateway().start()
    api = new_api(gateway, client("apigatewayv2", gateway.url), backend)
    api.route("$disconnect")
    api.deploy()
    with connect(api.url) as ws:
        gateway.stop()
        assert closed_with(ws) == 1001
    backend.wait("/disconnect")


def test_requests_that_are_not_handshakes_are_refused(chat: Api) -> None:
    def answer(data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", chat.gateway.port)) as raw:
            raw.sendall(data)
            return raw.recv(4096)

    path = f"/{chat.api_id}/test".encode()
    assert answer(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 426")
    assert answer(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
    upgrade = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    for rest in (
        b"",
        b"Connection: Upgrade\r\n",
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: =\r\n",
    ):
        assert answer(upgrade + rest + b"\r\n").startswith(b"HTTP/1.1 400")
    assert answer(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_an_answer_to_head_has_no_body(chat: Api) -> None:
    with socket.create_connection(("127.0.0.1", chat.gateway.port)) as raw:
        raw.sendall(
            b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        answers = b"".join(iter(lambda: raw.recv(4096), b""))
    first, second = answers.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"403")
    assert first.endswith(b"\r\n\r\n")
    assert second.startswith(b"200")


def test_a_cookie_in_utf8_arrives_as_it_was_sent(chat: Api) -> None:
    with socket.create_connection(("127.0.0.1", chat.gateway.port)) as raw:
        lines = (
            f"GET /{chat.api_id}/test HTTP/1.1",
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Cookie: name=é",
        )
        raw.sendall("\r\n".join([*lines, "", ""]).encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 101")
    # http.server reads headers as Latin-1.
    assert chat.backend.wait("/connect")[0].headers["Cookie"].encode("latin-1") == "name=é".encode()


def test_a_port_in_use_is_an_error_of_start(shared_gateway: LocalGateway) -> None:
    with pytest.raises(OSError, match="in use"):
        LocalGateway(port=shared_gateway.port).start()
