"""The AWS CLI, unmodified, makes a WebSocket API by hand and uses its connections."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from websockets.exceptions import ConnectionClosed

from django_aws_api_gateway_websockets.local.server import LocalGateway
from tests.local.conftest import Backend
from tests.sockets import connect

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

Aws = Callable[..., Any]


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.close()


@pytest.fixture
def aws() -> Iterator[Aws]:
    """Runs ``aws SERVICE OPERATION --option value …``; the options are keywords, the answer is parsed."""
    program = shutil.which("aws", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the AWS CLI is not installed (pip install awscli)")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_PAGER": "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with LocalGateway() as gateway:

        def run(service: str, operation: str, *positional: str, stage: str = "", **options: str) -> Any:
            command = [program, service, operation, "--endpoint-url", gateway.url + stage, *positional]
            command += [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr)
            return json.loads(done.stdout) if done.stdout.strip() else None

        yield run


def test_a_whole_api_by_hand(aws: Aws, backend: Backend, tmp_path: Path) -> None:
    api = aws(
        "apigatewayv2",
        "create-api",
        name="by hand",
        protocol_type="WEBSOCKET",
        route_selection_expression="$request.body.action",
    )
    api_id = api["ApiId"]
    for key in ("$connect", "$default"):
        integration = aws(
            "apigatewayv2",
            "create-integration",
            api_id=api_id,
            integration_type="HTTP_PROXY",
            integration_method="POST",
            integration_uri=f"{backend.url}/{key[1:]}",
            request_parameters="integration.request.header.connectionId=context.connectionId",
        )
        target = f"integrations/{integration['IntegrationId']}"
        aws("apigatewayv2", "create-route", api_id=api_id, route_key=key, target=target)
    aws("apigatewayv2", "create-stage", api_id=api_id, stage_name="production")
    aws("apigatewayv2", "create-deployment", api_id=api_id, stage_name="production")

    # The CLI pages through lists by itself.
    routes = aws("apigatewayv2", "get-routes", api_id=api_id, page_size="1")["Items"]
    assert [route["RouteKey"] for route in routes] == ["$connect", "$default"]
    assert [item["Name"] for item in aws("apigatewayv2", "get-apis")["Items"]] == ["by hand"]

    with connect(f"{api['ApiEndpoint']}/production") as ws:
        ws.send("hello")
        backend.wait("/default")
        stage = {
            "stage": f"/{api_id}/production",
            "connection_id": backend.wait("/connect")[0].headers["connectionId"],
        }
        (tmp_path / "data").write_bytes(b"pushed")
        aws("apigatewaymanagementapi", "post-to-connection", **stage, data=f"fileb://{tmp_path / 'data'}")
        assert ws.recv(timeout=5) == "pushed"
        shown = aws("apigatewaymanagementapi", "get-connection", **stage)
        assert shown["Identity"]["SourceIp"] == "127.0.0.1"
        aws("apigatewaymanagementapi", "delete-connection", **stage)
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv(timeout=5)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1000
    with pytest.raises(RuntimeError, match="GoneException"):
        aws("apigatewaymanagementapi", "get-connection", **stage)

    aws("apigatewayv2", "delete-api", api_id=api_id)
    with pytest.raises(RuntimeError, match="NotFoundException"):
        aws("apigatewayv2", "get-api", api_id=api_id)
