"""The launcher of the demo: `make demo` without make. What it is for, check.py shows."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys

import pytest

from .driving import ROOT, Browser, Demo, free_ports

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """What a first run leaves: the other tests start from it, which saves them the migrations."""
    data_dir = tmp_path_factory.mktemp("first")
    with Demo(data_dir, free_ports(2)) as demo:
        chat(demo)
    return data_dir / "db.sqlite3"


@pytest.fixture
def start(tmp_path, database):
    """Starts the demo, with the files of the last time."""
    shutil.copy(database, tmp_path)
    return lambda *ports: Demo(tmp_path, ports or free_ports(2))


def chat(demo):
    """What alice writes comes back to her. Returns the URL of her socket."""
    alice = Browser(demo.url)
    alice.log_in("alice", demo.logins["alice"])
    window = alice.enter("lobby")
    window.send(action="say", text="Anybody?")
    assert window.receive("message")["text"] == "Anybody?"
    window.close()
    return alice.socket_url("lobby")


def test_the_next_run_keeps_the_api_and_moves_with_its_ports(start):
    ports, others = free_ports(2), free_ports(2)
    urls = []
    for now in (ports, ports, others):
        with start(*now) as demo:
            urls.append(chat(demo))
    assert urls[0] == urls[1]
    assert f":{others[1]}/" in urls[2]


def test_an_api_that_the_gateway_forgot_is_made_again(start, tmp_path):
    ports = free_ports(2)
    state = tmp_path / "gateway.json"
    with start(*ports):
        pass
    state.unlink()
    with start(*ports) as demo:
        chat(demo)
    state.write_text('{"version": 1, "resources": {}}')
    with start(*ports) as demo:
        chat(demo)

    state.write_text("{")
    demo = start(*ports)
    assert demo.wait() == 1
    assert str(state) in demo.output
    assert f"delete {tmp_path}" in demo.output
    assert demo.pids() == []


def test_a_database_of_another_version_is_named(start, tmp_path):
    database = sqlite3.connect(tmp_path / "db.sqlite3")
    database.execute("ALTER TABLE django_aws_api_gateway_websockets_apigateway RENAME COLUMN api_name TO old_name")
    database.close()
    demo = start()
    assert demo.wait() == 1
    assert f"delete {tmp_path}" in demo.output


@pytest.mark.parametrize("name", ["PORT", "GATEWAY_PORT"])
def test_a_port_in_use_is_named(start, name):
    ports = free_ports(2)
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[name == "GATEWAY_PORT"]))
        other.listen()
        demo = start(*ports)
        assert demo.wait() == 1
    assert f"make demo {name}=" in demo.output


def test_the_two_ports_must_differ(start):
    port = free_ports(1)[0]
    demo = start(port, port)
    assert demo.wait() == 1
    assert "PORT and GATEWAY_PORT are the same" in demo.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything(start, number):
    with start() as demo:
        assert len(demo.pids()) == 3
        os.kill(demo.process.pid, number)
        assert demo.wait() == 0
        assert demo.pids() == []


@pytest.mark.parametrize(("word", "name"), [("runserver", "Django"), (".local", "The local gateway")])
def test_when_one_dies_the_rest_ends_too(start, word, name):
    with start() as demo:
        (pid,) = demo.pids(word)
        os.kill(pid, signal.SIGKILL)
        assert demo.wait() == 1
        assert f"{name} ended with exit code -9" in demo.output
        assert demo.pids() == []


def test_a_terminal_that_is_killed_leaves_nobody_connected(start, tmp_path):
    """Killed at once, the gateway tells nobody: the next run knows that no socket has survived."""
    ports = free_ports(2)
    demo = start(*ports)
    with demo:
        alice = Browser(demo.url)
        alice.log_in("alice", demo.logins["alice"])
        left = alice.enter("lobby")
        for pid in demo.pids():
            os.kill(pid, signal.SIGKILL)
        demo.wait()
        left.close()
    with start(*ports) as demo:
        bob = Browser(demo.url)
        bob.log_in("bob", demo.logins["bob"])
        window = bob.enter("lobby")
        assert window.who == ["bob"]
        window.close()


def test_the_tests_of_the_example_pass():
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "manage.py", "test", "chat"],
        cwd=ROOT / "example" / "chat",
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "chat.settings", "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "OK" in result.stderr


def test_the_example_has_all_its_migrations(tmp_path):
    result = subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run", "chat"],
        cwd=ROOT / "example" / "chat",
        env={
            **os.environ,
            "CHAT_DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "chat.settings",
            "PYTHONPATH": str(ROOT / "src"),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout
