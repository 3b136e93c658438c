"""The quickstart, word for word, in an empty folder: its files and its commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Iterator, NamedTuple

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


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        return str(response.read().decode())


class Output:
    """What a process writes; read all the time, so that its pipe never fills."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())

    def wait(self, text: str, count: int = 1) -> str:
        """The latest line with `text`, as soon as there are `count` of them."""
        deadline = time.monotonic() + 60
        while True:
            found = [line for line in self.lines if text in line]
            if len(found) >= count:
                return found[-1]
            assert time.monotonic() < deadline and self._process.poll() is None, "\n".join(self.lines)
            time.sleep(0.05)


class Quickstart(NamedTuple):
    site: str
    process: subprocess.Popen[str]
    output: Output
    folder: Path


@contextmanager
def running(folder: Path) -> Iterator[Quickstart]:
    """Every step of the quickstart, in an empty folder."""
    terminals = Terminals(folder)
    terminals.run("project.sh")
    settings = folder / "mysite" / "settings.py"
    # The page takes the default ports; here others may be using them.
    ports = f'\nWEBSOCKETS = {{"LOCAL_GATEWAY": "http://127.0.0.1:{terminals.ports[1]}"}}\n'
    settings.write_text(settings.read_text() + (STEPS / "settings.py").read_text() + ports)
    for source, target in (("sockets.py", ""), ("urls.py", ""), ("templates/index.html", "templates/")):
        terminals.copy(source, f"mysite/{target}{Path(source).name}")
    process = terminals.start("run.sh", f" {terminals.ports[0]}")
    try:
        output = Output(process)
        site = f"http://127.0.0.1:{terminals.ports[0]}"
        output.wait(f"sockets | Open {site}")
        yield Quickstart(site, process, output, folder)
    finally:
        stop(process)


@contextmanager
def quickstart(folder: Path) -> Iterator[str]:
    with running(folder) as started:
        yield started.site


def stop(process: subprocess.Popen[str]) -> None:
    """Ctrl-C, to the shell and the command as a terminal sends it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(timeout=20)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def socket_url(page: str) -> str:
    return re.findall(r'new WebSocket\("([^"]+)"\)', get(page))[0]


def test_the_quickstart_leads_to_a_socket(tmp_path):
    with quickstart(tmp_path) as site, ExitStack() as opened:
        url = socket_url(site)
        one, other = (opened.enter_context(connect(url, origin=site)) for _ in range(2))
        one.send(json.dumps({"action": "say", "text": "Hello"}))
        for window in (one, other):
            assert json.loads(window.recv(10)) == {"from": "somebody", "text": "Hello"}
        other.send(json.dumps({"action": "sing"}))
        assert json.loads(other.recv(10))["from"] == "the site"


def test_a_page_on_localhost_has_its_socket_on_localhost(tmp_path):
    with quickstart(tmp_path) as site:
        page = site.replace("127.0.0.1", "localhost")
        url = socket_url(page)
        assert url.startswith("ws://localhost:")
        # The gateway listens on 127.0.0.1; a browser tries that too.
        with connect(url, origin=page) as socket:
            socket.send(json.dumps({"action": "say", "text": "Hello"}))
            assert json.loads(socket.recv(10))["text"] == "Hello"


def test_a_reload_of_the_code_drops_no_socket(tmp_path):
    with running(tmp_path) as started, connect(socket_url(started.site), origin=started.site) as socket:
        sockets, urls = started.folder / "mysite" / "sockets.py", started.folder / "mysite" / "urls.py"
        sockets.write_text(sockets.read_text().replace("the site", "the new site"))
        started.output.wait("sockets | Open", 2)
        # A view that is mounted meanwhile gets a gateway.
        urls.write_text(
            urls.read_text()
            .replace("urlpatterns = [", 'urlpatterns = [path("b/<slug:route>", Other.as_view()),')
            .replace("import ChatView", "import ChatView, ChatView as Other")
        )
        started.output.wait("sockets | Open", 3)
        assert len({line for line in started.output.lines if "ChatView: ws://" in line}) == 2
        socket.send(json.dumps({"action": "sing"}))
        assert json.loads(socket.recv(10))["from"] == "the new site"


def test_ctrl_c_ends_the_site_and_the_gateway(tmp_path):
    with running(tmp_path) as started:
        url = socket_url(started.site)
        stop(started.process)
        for gone in (started.site, url.replace("ws:", "http:")):
            with pytest.raises(urllib.error.URLError, match="refused"):
                get(gone)
