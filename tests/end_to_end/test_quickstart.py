"""The quickstart, word for word, in an empty folder: its files and its commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Iterator

import pytest
from websockets.sync.client import connect

from tests.demo.driving import free_ports

ROOT = Path(__file__).resolve().parents[2]
STEPS = ROOT / "docs" / "examples" / "quickstart"

pytestmark = pytest.mark.end_to_end


class Terminals:
    """Terminals in `folder`, with the virtual environment of this test run and ports of this test run's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = free_ports(2)
        programs = folder / "bin"
        programs.mkdir()
        (programs / "python").symlink_to(sys.executable)
        (programs / "django-admin").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m django "$@"\n')
        (programs / "django-admin").chmod(0o755)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "AWS_"))},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(programs), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT / "src"),
        }

    def with_our_ports(self, text: str) -> str:
        return text.replace("8000", str(self.ports[0])).replace("8001", str(self.ports[1]))

    def copy(self, source: str, target: str) -> None:
        path = self.folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(STEPS / source, path)

    def start(self, step: str, options: str = "") -> subprocess.Popen[str]:
        script = self.with_our_ports((STEPS / step).read_text()).rstrip() + options
        return subprocess.Popen(
            ["sh", "-ec", script],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, step: str) -> str:
        process = self.start(step)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
        return output


def end(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def get(url: str) -> str:
    """The page at `url`, as soon as somebody answers there."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError:
            raise
        except OSError:
            assert time.monotonic() < deadline, f"Nobody answers at {url}"
            time.sleep(0.1)


def listens(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert "ready" in process.stdout.readline()


@contextmanager
def quickstart(folder: Path) -> Iterator[str]:
    """Every step of the quickstart, in an empty folder; yields the site's URL."""
    terminals = Terminals(folder)
    terminals.run("project.sh")
    settings = folder / "mysite" / "settings.py"
    settings.write_text(settings.read_text() + (STEPS / "settings.py").read_text())
    for source, target in (("sockets.py", ""), ("urls.py", ""), ("templates/index.html", "templates/")):
        terminals.copy(source, f"mysite/{target}{Path(source).name}")
    terminals.run("row.sh")

    with ExitStack() as opened:
        # The commands take the default ports; here others may be using them.
        gateway = terminals.start("gateway.sh", f" --port {terminals.ports[1]}")
        opened.callback(end, gateway)
        listens(gateway)
        created = terminals.run("create.sh")
        assert f"My first: ws://127.0.0.1:{terminals.ports[1]}/" in created
        opened.callback(end, terminals.start("run.sh", f" --noreload {terminals.ports[0]}"))
        site = f"http://127.0.0.1:{terminals.ports[0]}"
        get(site)
        yield site


def test_the_quickstart_leads_to_a_socket(tmp_path):
    with quickstart(tmp_path) as site, ExitStack() as opened:
        url = re.findall(r'new WebSocket\("([^"]+)"\)', get(site))[0]
        one, other = (opened.enter_context(connect(url, origin=site)) for _ in range(2))
        one.send(json.dumps({"action": "say", "text": "Hello"}))
        for window in (one, other):
            assert json.loads(window.recv(10)) == {"from": "somebody", "text": "Hello"}
        other.send(json.dumps({"action": "sing"}))
        assert json.loads(other.recv(10))["from"] == "the site"
