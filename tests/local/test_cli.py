"""The command line, as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest
from websockets.sync.client import connect

from .conftest import Backend, client
from .test_data_plane import closed_with

PYTHON = [sys.executable, "-W", "error::DeprecationWarning"]
COMMAND = [*PYTHON, "-m", "django_aws_api_gateway_websockets.local"]
MANAGE = [*PYTHON, "-m", "django", "runLocalGateway", "--settings", "tests.settings"]
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("command", "number"), [(COMMAND, signal.SIGINT), (COMMAND, signal.SIGTERM), (MANAGE, signal.SIGINT)]
)
def test_it_says_when_it_is_ready_and_stops_cleanly(
    backend: Backend, tmp_path: Path, command: List[str], number: signal.Signals
) -> None:
    command = [*command, "--port", "0", "--state", str(tmp_path / "state.json")]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert url and int(url.group(1)) > 0
        control = client("apigatewayv2", url.group())
        created = control.create_api(Name="cli", ProtocolType="WEBSOCKET")
        ids = {"ApiId": created["ApiId"]}
        integration = control.create_integration(
            **ids, IntegrationType="HTTP_PROXY", IntegrationMethod="POST", IntegrationUri=f"{backend.url}/disconnect"
        )["IntegrationId"]
        control.create_route(**ids, RouteKey="$disconnect", Target=f"integrations/{integration}")
        control.create_stage(**ids, StageName="test")
        control.create_deployment(**ids, StageName="test")
        with connect(f"{created['ApiEndpoint']}/test") as ws:
            process.send_signal(number)
            assert closed_with(ws) == 1001
        assert process.wait(10) == 0
        rest, errors = process.communicate()
        assert (rest, errors) == ("", "")
    backend.wait("/disconnect")


def test_other_machines_are_let_in_only_by_the_explicit_flag() -> None:
    done = run("--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "--allow-remote" in done.stderr
    assert done.stdout == ""


def test_letting_other_machines_in_is_loud() -> None:
    command = [*COMMAND, "--host", "0.0.0.0", "--port", "0", "--allow-remote"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert "WARNING" in errors
    assert process.returncode == 0


@pytest.mark.parametrize(
    "arguments", [("--port", "65536"), ("--port", "-1"), ("--idle-timeout", "0"), ("--max-connection-age", "nan")]
)
def test_a_number_out_of_range_is_one_clear_line(arguments: Tuple[str, str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert f"argument {arguments[0]}: {arguments[1]} is no" in done.stderr


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "in use" in done.stderr


def test_a_broken_state_file_is_one_clear_line(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text("{")
    done = run("--port", "0", "--state", str(state))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(state) in done.stderr


def test_a_state_file_in_a_missing_directory(tmp_path: Path) -> None:
    done = run("--port", "0", "--state", str(tmp_path / "none" / "state.json"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_without_the_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['wsproto'] = None; from django_aws_api_gateway_websockets.local.cli import main"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; sys.exit(main(['--port', '0']))"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "django-aws-api-gateway-websockets[local]" in done.stderr


def test_the_gateway_needs_no_django() -> None:
    code = "import sys; import django_aws_api_gateway_websockets.local.server; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, timeout=30, check=False).returncode == 0
