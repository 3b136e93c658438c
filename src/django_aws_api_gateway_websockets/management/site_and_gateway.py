"""The local gateway and the site's development server in one terminal."""

from __future__ import annotations

import argparse
import errno
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence
from urllib.parse import urlsplit

from django.core.management.base import CommandError
from django.core.management.commands.runserver import naiveip_re

from ..local.cli import add_arguments

DEFAULT_SITE = "127.0.0.1:8000"

#: The lines that the gateway and runserver print when they listen. Django 6.1 prints "Starting WSGI development server
#: at".
GATEWAY_READY = "Local API Gateway is ready"
SITE_LOADED = " development server at http"

#: Seconds within which a process must end after Ctrl-C.
_PATIENCE = 5.0


def site_url(addrport: str) -> str:
    """Return the URL at which this machine reaches ``runserver ADDRPORT``."""
    host, _, port = addrport.rpartition(":")
    reached = "127.0.0.1" if host in ("", "0", "0.0.0.0") else host  # noqa: S104
    url = f"http://{reached}:{port}/"
    # runserver 0 chooses a port that nobody else knows.
    if not naiveip_re.match(addrport) or not _can_be_reached(url):
        raise CommandError(
            f"--site {addrport}: expected PORT or ADDRESS:PORT, such as {DEFAULT_SITE}, with a port from 1 to 65535.",
            returncode=2,
        )
    return url


def _can_be_reached(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.netloc.startswith("["):
            IPv6Address(parts.hostname or "")
        return bool(parts.port)
    except ValueError:  # The address is not valid, or the port is above 65535.
        return False


def check_free(url: str) -> None:
    """Raise ``CommandError`` if another process listens at the site's port. runserver does not name the port."""
    place = urlsplit(url)
    host, number = place.hostname or "", place.port or 0
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            # runserver explains every other problem, such as a port that only root may use.
            if error.errno == errno.EADDRINUSE:
                raise CommandError(
                    f"{place.netloc} is in use. Stop what listens there, or choose another port with --site PORT."
                ) from None


def options_of_gateway(options: Mapping[str, Any]) -> list[str]:
    """Return the command-line arguments that give the gateway ``options`` again."""
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    words: list[str] = []
    for action in parser._actions:
        value = options.get(action.dest, action.default)
        if value != action.default:
            words += [action.option_strings[0], *([] if action.nargs == 0 else [str(value)])]
    return words


def run_both(addrport: str, url: str, gateway_options: Sequence[str], pythonpath: str | None = None) -> int:
    """Run the gateway, then the site, until one of them ends or you press Ctrl-C. Return the exit code.

    Each time runserver has loaded the code, a separate process updates the rows, so that it sees the new urls.py. The
    gateway is never restarted, so no socket is dropped.
    """
    terminal = _Terminal(pythonpath)
    restore = [(number, signal.signal(number, terminal.interrupt)) for number in (signal.SIGINT, signal.SIGTERM)]

    def keep_rows() -> None:
        terminal.start("sockets", "runLocalGateway", "--keep-rows", url, must_live=False)

    def start_site() -> None:
        terminal.start("site", "runserver", addrport, on_line=(SITE_LOADED, keep_rows))

    try:
        words = ["runLocalGateway", *gateway_options]
        terminal.start("gateway", *words, on_line=(GATEWAY_READY, start_site), once=True)
        return terminal.wait()
    finally:
        terminal.end()
        for number, handler in restore:
            signal.signal(number, handler)


class _Terminal:
    """Processes that share one terminal. Each line begins with the name of its process."""

    def __init__(self, pythonpath: str | None) -> None:
        self._options = ["--pythonpath", pythonpath] if pythonpath else []
        self._running: list[subprocess.Popen[str]] = []
        self._todo: queue.Queue[Callable[[], None] | int] = queue.Queue()
        self._lock = threading.Lock()

    def start(
        self,
        name: str,
        *words: str,
        on_line: tuple[str, Callable[[], None]] | None = None,
        once: bool = False,
        must_live: bool = True,
    ) -> None:
        """Start a management command. When a line contains the text of ``on_line``, call its function."""
        process = subprocess.Popen(  # noqa: S603  this project's own commands
            [*_manage(), *words, *self._options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            # Only this process receives Ctrl-C. It ends the others in order.
            start_new_session=True,
        )
        self._running.append(process)
        threading.Thread(target=self._forward, args=(name, process, on_line, once, must_live), daemon=True).start()

    def interrupt(self, *_: Any) -> None:
        self._todo.put(0)

    def wait(self) -> int:
        """Run the functions that lines trigger, until a required process ends or you press Ctrl-C."""
        while True:
            try:
                # Wait with a timeout, because otherwise Ctrl-C does not work on Windows.
                todo = self._todo.get(timeout=1)
            except queue.Empty:
                continue
            if isinstance(todo, int):
                return todo
            todo()

    def end(self) -> None:
        """End every process.

        The gateway ends first, so that the site still receives ``$disconnect`` for each socket.
        """
        for process in self._running:
            _signal(process, signal.SIGINT)
            deadline = time.monotonic() + _PATIENCE
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            if process.poll() is None:
                _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
                process.wait()

    def _forward(
        self,
        name: str,
        process: subprocess.Popen[str],
        on_line: tuple[str, Callable[[], None]] | None,
        once: bool,
        must_live: bool,
    ) -> None:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            with self._lock:
                sys.stdout.write(f"{name:>7} | {line.rstrip()}\n")
                sys.stdout.flush()
            if on_line and on_line[0] in line:
                self._todo.put(on_line[1])
                on_line = None if once else on_line
        code = process.wait()
        if must_live:
            self._todo.put(code or 1)


def _manage() -> list[str]:
    """Return the command that runs management commands of this project."""
    script = Path(sys.argv[0])
    if script.suffix == ".py" and script.name != "__main__.py":
        return [sys.executable, str(script)]
    return [sys.executable, "-m", "django"]


def _signal(process: subprocess.Popen[str], number: int) -> None:
    if process.poll() is not None:
        return
    if hasattr(os, "killpg"):
        # runserver's reloader runs the site in a child process.
        os.killpg(process.pid, number)
    else:
        process.terminate()
