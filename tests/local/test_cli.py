"""The command line, as a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, NamedTuple, Tuple

import pytest

from tests.sockets import connect

from .conftest import Backend, client
from .test_data_plane import closed_with, refused_with

PYTHON = [sys.executable, "-W", "error::DeprecationWarning"]
LOCAL = [*PYTHON, "-m", "django_aws_api_gateway_websockets.local"]
COMMAND = [*LOCAL, "--no-inspector"]
MANAGE = [*PYTHON, "-m", "django", "runLocalGateway", "--settings", "tests.settings", "--no-inspector"]
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=30, check=False)


class Running(NamedTuple):
    process: subprocess.Popen[str]
    line: str

    def deployed(self, site: str, *keys: str) -> str:
        """Make an API whose predefined routes ``keys`` go to ``site``. Return its URL for clients."""
        url = re.search(r"http://127\.0\.0\.1:(\d+)", self.line)
        assert url and int(url.group(1)) > 0
        control = client("apigatewayv2", url.group())
        created = control.create_api(Name="cli", ProtocolType="WEBSOCKET")
        ids = {"ApiId": created["ApiId"]}
        for key in keys:
            target = f"{site}/{key[1:]}"
            integration = control.create_integration(
                **ids, IntegrationType="HTTP_PROXY", IntegrationMethod="POST", IntegrationUri=target
            )["IntegrationId"]
            control.create_route(**ids, RouteKey=key, Target=f"integrations/{integration}")
        control.create_stage(**ids, StageName="test")
        control.create_deployment(**ids, StageName="test")
        return f"{created['ApiEndpoint']}/test"

    def stopped(self) -> Tuple[int, str, str]:
        """Stop it as Ctrl-C does. Return the exit code and what it wrote after its first line."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> Tuple[int, str, str]:
        """Return the exit code and what it wrote after its first line."""
        code = self.process.wait(10)
        return (code, *self.process.communicate())


@contextmanager
def running(command: List[str]) -> Iterator[Running]:
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield Running(process, process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("command", "number"), [(COMMAND, signal.SIGINT), (COMMAND, signal.SIGTERM), (MANAGE, signal.SIGINT)]
)
def test_it_says_when_it_is_ready_and_stops_cleanly(
    backend: Backend, tmp_path: Path, command: List[str], number: signal.Signals
) -> None:
    with running([*command, "--port", "0", "--state", str(tmp_path / "state.json")]) as gateway:
        with connect(gateway.deployed(backend.url, "$disconnect")) as ws:
            gateway.process.send_signal(number)
            assert closed_with(ws) == 1001
        assert gateway.ended() == (0, "", "")
    backend.wait("/disconnect")


def test_the_inspector_is_on_unless_it_is_turned_off() -> None:
    with running([*LOCAL, "--port", "0"]) as gateway:
        url = re.search(r"http://127\.0\.0\.1:\d+", gateway.line)
        assert gateway.process.stdout is not None
        second = gateway.process.stdout.readline()
        assert gateway.stopped() == (0, "", "")
    assert url
    assert re.fullmatch(rf"Inspector: {url.group()}/_inspector/\?token=[\w-]{{32}}\n", second)
    with running([*COMMAND, "--port", "0"]) as gateway:
        found = re.search(r"http://127\.0\.0\.1:\d+", gateway.line)
        assert found
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{found.group()}/_inspector/")
        assert gateway.stopped() == (0, "", "")


def test_events_go_to_a_file_of_json_lines(backend: Backend, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    with running([*COMMAND, "--port", "0", "--events", str(events)]) as gateway:
        with connect(gateway.deployed(backend.url, "$connect", "$default", "$disconnect")) as ws:
            ws.send("{}")
            backend.wait("/default")
        backend.wait("/disconnect")
        gateway.stopped()
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds[:4] == ["handshake", "call", "opened", "received"]
    assert sorted(kinds[4:]) == ["call", "call", "closed"]
    assert len({line["connection"] for line in lines}) == 1
    assert [line["n"] for line in lines] == list(range(1, 8))


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF", "a\\ud83d"])
def test_unencodable_characters_do_not_break_the_file_of_events(backend: Backend, tmp_path: Path, half: str) -> None:
    events = tmp_path / "events.jsonl"
    with running([*COMMAND, "--port", "0", "--events", str(events)]) as gateway:
        with connect(gateway.deployed(backend.url, "$connect", "$default", "$disconnect")) as ws:
            ws.send(f'{{"token": "hunter22", "a": "{half}"}}')
            ws.send('{"a": "the next"}')
            backend.wait("/default", 2)
        backend.wait("/disconnect")
        gateway.stopped()
    lines = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    texts = [line["text"] for line in lines if line["kind"] == "received"]
    assert [("hunter22" in text, "the next" in text) for text in texts] == [(False, False), (False, True)]


def test_it_stops_while_a_connect_is_under_way(backend: Backend) -> None:
    release = threading.Event()
    backend.answers["/connect"] = lambda got: (release.wait(5), 200)[1]
    with running([*COMMAND, "--port", "0"]) as gateway, ThreadPoolExecutor(1) as threads:
        seen = threads.submit(refused_with, gateway.deployed(backend.url, "$connect"))
        backend.wait("/connect")
        gateway.process.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert seen.result() == 503
        assert gateway.ended() == (0, "", "")
        assert time.monotonic() - began < 3
        release.set()


def test_it_refuses_handshakes_while_it_stops(backend: Backend) -> None:
    """The ``$disconnect`` of a first connection keeps it from ending at once."""
    release = threading.Event()
    backend.answers["/disconnect"] = lambda got: (release.wait(5), 200)[1]
    with running([*COMMAND, "--port", "0"]) as gateway, ThreadPoolExecutor(1) as threads:
        url = gateway.deployed(backend.url, "$connect", "$disconnect")
        with connect(url) as ws:
            backend.answers["/connect"] = lambda got: (time.sleep(1), 200)[1]
            seen = threads.submit(refused_with, url)
            backend.wait("/connect", 2)
            gateway.process.send_signal(signal.SIGINT)
            assert closed_with(ws) == 1001
        assert seen.result() == 503
        code, _, errors = gateway.ended()
        release.set()
    assert (code, errors.count("\n"), errors.count("because the gateway stopped")) == (0, 1, 1)


def test_other_machines_are_let_in_only_by_the_explicit_flag() -> None:
    done = run("--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "--allow-remote" in done.stderr
    assert done.stdout == ""


def test_letting_other_machines_in_is_loud() -> None:
    command = [*COMMAND, "--host", "0.0.0.0", "--port", "0", "--allow-remote", "--public-url", "http://box.test:81/"]
    with running(command) as gateway:
        assert "ready at http://box.test:81 " in gateway.line
        gateway.process.terminate()
        code, _, errors = gateway.ended()
    assert "WARNING" in errors
    assert code == 0


@pytest.mark.parametrize(
    "arguments", [("--port", "65536"), ("--port", "-1"), ("--idle-timeout", "0"), ("--max-connection-age", "nan")]
)
def test_a_number_out_of_range_is_one_clear_line(arguments: Tuple[str, str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert f"argument {arguments[0]}: {arguments[1]} is not a" in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_every_interface_needs_a_public_url(host: str) -> None:
    done = run("--host", host, "--port", "0", "--allow-remote")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--public-url" in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "box.test",
        "ws://box.test",
        "http://box.test/path",
        "http://u@box.test",
        "http://:80",
        "http://box:0",
        "http://box:x",
    ],
)
def test_a_public_url_is_scheme_host_and_port(url: str) -> None:
    done = run("--public-url", url)
    assert done.returncode == 2
    assert "argument --public-url: " in done.stderr


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
    assert "pip install aiohttp h11 wsproto" in done.stderr


def test_the_gateway_needs_no_django() -> None:
    code = "import sys; import django_aws_api_gateway_websockets.local.server; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, timeout=30, check=False).returncode == 0
