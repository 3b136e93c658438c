"""A real backend, a real gateway and real clients, each on a free port of its own."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import boto3
import pytest
from botocore.config import Config

from django_aws_api_gateway_websockets.local.server import LocalGateway

CREDENTIALS = {"region_name": "eu-west-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}


class Received(NamedTuple):
    method: str
    path: str
    headers: Dict[str, str]
    body: bytes


class Backend:
    """Records what arrives. ``answers[path]`` is a status, a (status, headers, body), or a callable of those."""

    def __init__(self) -> None:
        self.received: List[Received] = []
        self.answers: Dict[str, Any] = {}
        self._changed = threading.Condition()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                backend._handle(self)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *args: Any) -> None:
                pass  # the gateway did not wait for an answer that a test delayed

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        got = Received(handler.command, handler.path, dict(handler.headers.items()), body)
        with self._changed:
            self.received.append(got)
            self._changed.notify_all()
        answer = self.answers.get(got.path.partition("?")[0], 200)
        answer = answer(got) if callable(answer) else answer
        status, headers, body = answer if isinstance(answer, tuple) else (answer, {}, b"")
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def wait(self, path: str, count: int = 1, timeout: float = 5) -> List[Received]:
        """The requests to ``path`` (query string aside), as soon as there are ``count``."""

        def found() -> List[Received]:
            return [got for got in self.received if got.path.partition("?")[0] == path]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, timeout), (path, self.received)
            return found()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Api(NamedTuple):
    """An API of the gateway under test, with what tests do to it."""

    gateway: LocalGateway
    control: Any
    api_id: str
    backend: Backend

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.gateway.port}/{self.api_id}/test"

    def management(self) -> Any:
        return client("apigatewaymanagementapi", f"{self.gateway.url}/{self.api_id}/test")

    def integration(self, path: str, parameters: Optional[Dict[str, str]] = None, **more: Any) -> str:
        mapped = {"integration.request.header.connectionId": "context.connectionId", **(parameters or {})}
        return self.control.create_integration(
            **{
                "ApiId": self.api_id,
                "IntegrationType": "HTTP_PROXY",
                "IntegrationMethod": "POST",
                "IntegrationUri": f"{self.backend.url}{path}",
                "RequestParameters": mapped,
                **more,
            }
        )["IntegrationId"]

    def route(
        self, key: str, path: str = "", two_way: bool = False, declared: Tuple[str, ...] = (), **integration: Any
    ) -> str:
        """A route to ``path`` of the backend (its key without ``$`` unless given)."""
        target = self.integration(path or f"/{key.lstrip('$')}", **integration)
        declaration = {name: {"Required": False} for name in declared}
        more = {"RequestParameters": declaration} if declared else {}
        route_id = self.control.create_route(ApiId=self.api_id, RouteKey=key, Target=f"integrations/{target}", **more)[
            "RouteId"
        ]
        if two_way:
            self.control.create_route_response(ApiId=self.api_id, RouteId=route_id, RouteResponseKey="$default")
        return route_id

    def deploy(self) -> str:
        return self.control.create_deployment(ApiId=self.api_id, StageName="test")["DeploymentId"]


def client(service: str, url: str) -> Any:
    config = Config(retries={"total_max_attempts": 1}, read_timeout=10)
    return boto3.client(service, endpoint_url=url, config=config, **CREDENTIALS)


def eventually(check: Callable[[], Any], timeout: float = 5) -> Any:
    """The first true result of ``check``."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        result = check()
        if result:
            return result
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout} s")


def message(action: str, **more: Any) -> str:
    return json.dumps({"action": action, **more})


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.close()


@pytest.fixture(scope="session")
def shared_gateway() -> Iterator[LocalGateway]:
    with LocalGateway() as gateway:
        yield gateway


@pytest.fixture(scope="session")
def control(shared_gateway: LocalGateway) -> Any:
    return client("apigatewayv2", shared_gateway.url)


def new_api(gateway: LocalGateway, control: Any, backend: Backend) -> Api:
    created = control.create_api(Name="test", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    control.create_stage(ApiId=created["ApiId"], StageName="test")
    return Api(gateway, control, created["ApiId"], backend)


@pytest.fixture
def api(shared_gateway: LocalGateway, control: Any, backend: Backend) -> Api:
    """An API with a stage and no routes."""
    return new_api(shared_gateway, control, backend)


@pytest.fixture
def chat(api: Api) -> Api:
    """The API that most tests want: the three predefined routes, deployed."""
    for key in ("$connect", "$disconnect", "$default"):
        api.route(key)
    api.deploy()
    return api
