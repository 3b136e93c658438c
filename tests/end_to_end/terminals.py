"""The quickstart's site in a folder, with the commands of its page run as in a terminal."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, NamedTuple

from tests.demo.driving import free_ports

ROOT = Path(__file__).resolve().parents[2]
STEPS = ROOT / "docs" / "examples" / "quickstart"


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
        }

    def with_our_ports(self, text: str) -> str:
        return text.replace("8000", str(self.ports[0])).replace("8001", str(self.ports[1]))

    def copy(self, source: str, target: str) -> None:
        path = self.folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(STEPS / source, path)

    def start(self, step: str, options: str = "") -> subprocess.Popen[str]:
        return self.shell(self.with_our_ports((STEPS / step).read_text()).rstrip() + options)

    def shell(self, script: str) -> subprocess.Popen[str]:
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
        return self.command((STEPS / step).read_text())

    def command(self, script: str, code: int = 0) -> str:
        """Run `script` to its end. Return what it wrote."""
        process = self.shell(script)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == code, output
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


def prepared(folder: Path) -> Terminals:
    """The steps of the quickstart, without its last two commands, in an empty folder."""
    terminals = Terminals(folder)
    terminals.run("project.sh")
    settings = folder / "mysite" / "settings.py"
    # The page takes the default ports; here others may be using them.
    ports = f'\nWEBSOCKETS = {{"LOCAL_GATEWAY": "http://127.0.0.1:{terminals.ports[1]}"}}\n'
    settings.write_text(settings.read_text() + (STEPS / "settings.py").read_text() + ports)
    for source, target in (("sockets.py", ""), ("urls.py", ""), ("templates/index.html", "templates/")):
        terminals.copy(source, f"mysite/{target}{Path(source).name}")
    return terminals


@contextmanager
def started(terminals: Terminals, step: str = "run.sh") -> Iterator[Quickstart]:
    """Run the commands in `step`, the last of which runs the site until Ctrl-C."""
    process = terminals.start(step, f" {terminals.ports[0]}")
    try:
        output = Output(process)
        site = f"http://127.0.0.1:{terminals.ports[0]}"
        output.wait(f"sockets | Open {site}")
        yield Quickstart(site, process, output, terminals.folder)
    finally:
        stop(process)


@contextmanager
def running(folder: Path) -> Iterator[Quickstart]:
    """Every step of the quickstart, in an empty folder."""
    with started(prepared(folder)) as site:
        yield site


@contextmanager
def quickstart(folder: Path) -> Iterator[str]:
    with running(folder) as site:
        yield site.site


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


def edits(site: Quickstart, count: int) -> Iterator[str]:
    """Edit the view of the running site `count` times. Yield each new name that the site gives itself, once it runs."""
    sockets = site.folder / "mysite" / "sockets.py"
    loaded = sum("sockets | Open" in line for line in site.output.lines)
    name = "the site"
    for number in range(1, count + 1):
        new = f"site {number}"
        sockets.write_text(sockets.read_text().replace(f'"{name}"', f'"{new}"'))
        site.output.wait("sockets | Open", loaded + number)
        name = new
        yield name
