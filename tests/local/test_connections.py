"""``@connections`` by boto3, and by URLs that boto3 does not build."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError

from tests.sockets import connect

from .conftest import Api, client, eventually, message
from .test_data_plane import HANDSHAKE, closed_with, connection_id, refused_with

UNKNOWN = "AAAAAAAAAAAAAAA="


def failure(call: Any, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def raw(method: str, url: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


def test_post_get_delete(chat: Api) -> None:
    management = chat.management()
    with connect(chat.url) as ws:
        identifier = connection_id(chat)
        management.post_to_connection(ConnectionId=identifier, Data="é".encode())
        assert ws.recv(timeout=5) == "é"
        shown = management.get_connection(ConnectionId=identifier)
        assert shown["Identity"]["SourceIp"] == "127.0.0.1"
        assert "websockets" in shown["Identity"]["UserAgent"]
        assert abs(shown["ConnectedAt"].timestamp() - time.time()) < 5
        assert shown["LastActiveAt"] >= shown["ConnectedAt"]
        management.delete_connection(ConnectionId=identifier)
        assert closed_with(ws) == 1000
    assert failure(management.get_connection, ConnectionId=identifier) == (410, "GoneException")
    assert len(chat.backend.wait("/disconnect")) == 1


def test_unknown_malformed_and_foreign_ids_are_refused(chat: Api) -> None:
    management = chat.management()
    for call in (management.get_connection, management.delete_connection):
        assert failure(call, ConnectionId=UNKNOWN) == (410, "GoneException")
        assert failure(call, ConnectionId="not an id!") == (400, "BadRequestException")
    post = management.post_to_connection
    assert failure(post, ConnectionId=UNKNOWN, Data=b"x") == (410, "GoneException")
    chat.control.create_stage(ApiId=chat.api_id, StageName="other")
    chat.control.create_deployment(ApiId=chat.api_id, StageName="other")
    with connect(chat.url):
        for place in ("other", "none"):
            elsewhere = client("apigatewaymanagementapi", f"{chat.gateway.url}/{chat.api_id}/{place}")
            answer = failure(elsewhere.post_to_connection, ConnectionId=connection_id(chat), Data=b"x")
            assert answer == (403, "ForbiddenException")


def test_messages_of_128_kb_and_one_byte_more(chat: Api) -> None:
    management = chat.management()
    with connect(chat.url) as ws:
        identifier = connection_id(chat)
        management.post_to_connection(ConnectionId=identifier, Data=b"x" * 131_072)
        assert len(ws.recv(timeout=5)) == 131_072
        answer = failure(management.post_to_connection, ConnectionId=identifier, Data=b"x" * 131_073)
        assert answer == (413, "PayloadTooLargeException")


def test_a_connection_is_gone_while_its_connect_runs(chat: Api) -> None:
    release = threading.Event()
    chat.backend.answers["/connect"] = lambda got: (release.wait(5), 200)[1]
    opening = threading.Thread(target=lambda: connect(chat.url).__enter__().close())
    opening.start()
    identifier = connection_id(chat)
    post = chat.management().post_to_connection
    assert failure(post, ConnectionId=identifier, Data=b"x") == (410, "GoneException")
    release.set()
    opening.join(5)


@pytest.mark.parametrize("encoded", [True, False])
def test_both_spellings_of_the_path(chat: Api, encoded: bool) -> None:
    with connect(chat.url) as ws:
        identifier = connection_id(chat)
        tail = f"%40connections/{quote(identifier, safe='')}" if encoded else f"@connections/{identifier}"
        url = f"{chat.gateway.url}/{chat.api_id}/test/{tail}"
        assert raw("POST", url, b"hello")[0] == 200
        assert ws.recv(timeout=5) == "hello"
        assert raw("DELETE", url)[0] == 204
        status, headers = raw("GET", url)
        assert (status, headers["x-amzn-ErrorType"]) == (410, "GoneException")


def test_the_execute_api_endpoint_can_be_disabled(chat: Api) -> None:
    control, name = chat.control, "sockets.localhost"
    control.create_domain_name(DomainName=name)
    control.create_api_mapping(DomainName=name, ApiId=chat.api_id, Stage="test", ApiMappingKey="chat")
    control.update_api(ApiId=chat.api_id, DisableExecuteApiEndpoint=True)
    with connect(chat.url):  # until it is deployed
        pass
    chat.deploy()
    assert refused_with(chat.url) == 403
    assert failure(chat.management().get_connection, ConnectionId=UNKNOWN) == (403, "ForbiddenException")
    port, host = chat.gateway.port, {"Host": f"{name}:{chat.gateway.port}"}
    # The name need not resolve: TCP goes to loopback, and the Host header says which domain is meant.
    with socket.create_connection(("127.0.0.1", port)) as sock, connect(f"ws://{name}:{port}/chat", sock=sock) as ws:
        [*_, got] = chat.backend.wait("/connect", 2)
        url = f"http://127.0.0.1:{port}/chat/@connections/{got.headers['connectionId']}"
        assert raw("POST", url, b"by domain", **host)[0] == 200
        assert ws.recv(timeout=5) == "by domain"
        assert raw("GET", url.replace("/chat/", "/other/"), **host)[0] == 403


def test_a_wildcard_domain_serves_names_of_one_more_label(chat: Api) -> None:
    control, port = chat.control, chat.gateway.port
    for name, key in (("*.shop.localhost", "any"), ("own.shop.localhost", "own")):
        control.create_domain_name(DomainName=name)
        control.create_api_mapping(DomainName=name, ApiId=chat.api_id, Stage="test", ApiMappingKey=key)

    def status(host: str, key: str) -> int:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(HANDSHAKE.format(path=f"/{key}").replace("Host: localhost", f"Host: {host}").encode())
            return int(sock.recv(100).split()[1])

    assert status(f"ws.shop.localhost:{port}", "any") == 101
    assert status("own.shop.localhost", "own") == 101
    assert status("own.shop.localhost", "any") == 403
    assert status("a.b.shop.localhost", "any") == 403
    assert status("shop.localhost", "any") == 403


def test_only_the_slow_consumer_gets_429(chat: Api) -> None:
    management, data = chat.management(), b"x" * 131_072
    with socket.socket() as slow, connect(chat.url) as quick:
        quick_id = connection_id(chat)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", chat.gateway.port))
        slow.sendall(HANDSHAKE.format(path=f"/{chat.api_id}/test").encode())
        slow_id = chat.backend.wait("/connect", 2)[1].headers["connectionId"]
        eventually(lambda: slow.recv(4096))

        def full() -> bool:
            try:
                management.post_to_connection(ConnectionId=slow_id, Data=data)
            except ClientError as error:
                assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
                assert error.response["Error"]["Code"] == "LimitExceededException"
                return True
            return False

        eventually(full)
        management.post_to_connection(ConnectionId=quick_id, Data=b"still quick")
        assert quick.recv(timeout=5) == "still quick"
        management.delete_connection(ConnectionId=slow_id)
    chat.backend.wait("/disconnect", 2)


def test_a_handler_may_push_to_its_own_connection(chat: Api) -> None:
    management = chat.management()

    def push(got: Any) -> int:
        management.post_to_connection(ConnectionId=got.headers["connectionId"], Data=b"from the handler")
        return 200

    chat.backend.answers["/default"] = push
    with connect(chat.url) as ws:
        ws.send(message("any"))
        assert ws.recv(timeout=5) == "from the handler"


def test_odd_methods_and_web_pages(chat: Api) -> None:
    url = f"{chat.gateway.url}/{chat.api_id}/test/@connections/{UNKNOWN}"
    assert raw("PUT", url, b"")[0] == 403
    assert raw("POST", url, b"x", Origin="http://evil.example")[0] == 403
    assert raw("POST", f"{chat.gateway.url}/elsewhere", json.dumps({}).encode())[0] == 403
