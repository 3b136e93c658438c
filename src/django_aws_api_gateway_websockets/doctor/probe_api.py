"""The temporary API with which an account is probed. Its integrations are MOCK, or have addresses that do not
answer."""

from __future__ import annotations

import json
import secrets
import socket as sockets
import time
from contextlib import contextmanager
from typing import Any, Iterator

from ..aws import connections_client, control_client, translated
from ..exceptions import WebSocketsError
from ..models import ApiGateway
from ..protocol import CONNECT, DEFAULT
from ..provisioning.control import ControlPlane
from ..provisioning.endpoints import control_endpoint
from .websocket import HandshakeFailed, WebSocket

_TIMEOUT = 5.0
#: A stage answers 403 or 404 until AWS has carried its deployment out.
_NOT_YET, _TRIES, _PAUSE = (403, 404), 5, 1.0
#: The status of the MOCK integration of each message route.
_ROUTES = {"one_way_5xx": 500, "one_way_4xx": 404, "two_way_empty": 200}


class ProbeApi:
    """A WebSocket API without ``$default``. The context manager creates and deletes it."""

    def __init__(self, gateway: ApiGateway) -> None:
        self._endpoint = control_endpoint(gateway)
        self._control = ControlPlane(self._endpoint)

    def __enter__(self) -> ProbeApi:
        created = self._control.call(
            "CreateApi",
            Name=f"doctor-probe-{secrets.token_hex(4)}",
            Description="A probe of checkApiGateway. It can be deleted.",
            ProtocolType="WEBSOCKET",
            RouteSelectionExpression="$request.body.action",
        )
        self._id, self._url = created["ApiId"], created["ApiEndpoint"]
        try:
            self._add_routes()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.call("DeleteApi")

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self._control.call(operation, ApiId=self._id, **parameters)

    def deploy(self, stage: str, status: int = 0, uri: str = "", timeout: int = 29_000) -> None:
        """Create a stage whose ``$connect`` has a MOCK integration that answers ``status``, or one to ``uri``."""
        integration = self._integration(status, uri, timeout)
        self.call("UpdateRoute", RouteId=self._connect_id, Target=f"integrations/{integration}")
        self.call("CreateStage", StageName=stage)
        self.call("CreateDeployment", StageName=stage)

    def open(self, stage: str) -> WebSocket:
        """Return a connection. Raise ``HandshakeFailed``, or ``OSError``."""
        for number in range(_TRIES):
            try:
                return WebSocket(f"{self._url}/{stage}", {"User-Agent": "websockets-doctor"}, _TIMEOUT)
            except HandshakeFailed as refused:
                if refused.status not in _NOT_YET or number == _TRIES - 1:
                    raise
            time.sleep(_PAUSE)
        raise AssertionError("unreachable")

    def open_named(self, stage: str) -> tuple[WebSocket, str]:
        """Return a connection and its id. The error frame for a message without a route contains the id."""
        socket = self.open(stage)
        socket.send(json.dumps({"action": "nothing"}))
        try:
            return socket, str(json.loads(socket.receive() or "")["connectionId"])
        except (ValueError, KeyError, RecursionError):
            socket.close()
            raise WebSocketsError("The gateway sent no error frame with the id of the connection.") from None

    def push(self, socket: WebSocket, connection_id: str) -> None:
        with translated("push to a connection"):
            client = connections_client(f"{self._url.replace('ws', 'http', 1)}/open")
            client.post_to_connection(ConnectionId=connection_id, Data=b"{}")

    def map_to_header(self, *sources: str) -> None:
        """Create an integration that maps ``sources``."""
        mapping = {f"integration.request.header.x{number}": source for number, source in enumerate(sources)}
        self._integration(0, "http://unreachable.invalid/", 29_000, RequestParameters=mapping)

    def _add_routes(self) -> None:
        self._connect_id = self._route(CONNECT, 200)
        for key, status in _ROUTES.items():
            route_id = self._route(key, status)
            if key.startswith("two_way"):
                self.call("UpdateRoute", RouteId=route_id, RouteResponseSelectionExpression=DEFAULT)
                self.call("CreateRouteResponse", RouteId=route_id, RouteResponseKey=DEFAULT)

    def _route(self, key: str, status: int) -> str:
        target = f"integrations/{self._integration(status)}"
        return str(self.call("CreateRoute", RouteKey=key, Target=target)["RouteId"])

    def _integration(self, status: int, uri: str = "", timeout: int = 29_000, **more: Any) -> str:
        if uri:
            place = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "POST", "IntegrationUri": uri}
            created = self.call("CreateIntegration", TimeoutInMillis=timeout, **place, **more)
            return str(created["IntegrationId"])
        template = {DEFAULT: json.dumps({"statusCode": status})}
        created = self.call(
            "CreateIntegration",
            IntegrationType="MOCK",
            RequestTemplates=template,
            TemplateSelectionExpression=f"\\{DEFAULT}",
        )
        with translated("create an integration response"):
            # Provisioning does not use this operation, so the IAM policy does not contain it.
            control_client(self._endpoint).create_integration_response(
                ApiId=self._id,
                IntegrationId=created["IntegrationId"],
                IntegrationResponseKey=DEFAULT,
                TemplateSelectionExpression=f"\\{DEFAULT}",
                ResponseTemplates={} if status < 300 else {DEFAULT: json.dumps({"doctor": status})},
            )
        return str(created["IntegrationId"])


def closed_address(is_local: bool) -> str:
    """Return a URL where nothing listens."""
    return "http://127.0.0.1:9/" if is_local else "http://unreachable.invalid/"


@contextmanager
def silent_address(is_local: bool) -> Iterator[str]:
    """Yield a URL that accepts a request and never answers: on this machine, or in the address block for
    documentation."""
    if not is_local:
        yield "http://192.0.2.1/"
        return
    with sockets.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
