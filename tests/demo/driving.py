"""The demo as its users have it: a command in a terminal, pages fetched with cookies, sockets opened with them."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Iterator, Sequence

from websockets.sync.client import connect
from websockets.typing import Origin

ROOT = Path(__file__).resolve().parents[2]
DEMO = (sys.executable, str(ROOT / "example" / "chat" / "demo.py"))


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Demo:
    """A running demo. `command` is started as from a terminal: in a process group that gets Ctrl-C as a whole."""

    def __init__(
        self, data_dir: Path, ports: Sequence[int], command: Sequence[str] = DEMO, timeout: float = 30
    ) -> None:
        self.port, self.gateway_port = ports
        environment = {
            **os.environ,
            "CHAT_DATA_DIR": str(data_dir),
            "PORT": str(self.port),
            "GATEWAY_PORT": str(self.gateway_port),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")])),
        }
        # The demo has settings of its own.
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._timeout = timeout

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def __enter__(self) -> Demo:
        deadline = time.monotonic() + self._timeout
        while "Open http" not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise AssertionError(f"The demo did not start:\n{self.output}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.press_ctrl_c()
        try:
            self.wait()
        finally:
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)

    @property
    def url(self) -> str:
        return re.findall(r"Open (http://\S+)/ ", self.output)[0]

    @property
    def logins(self) -> dict[str, str]:
        return dict(re.findall(r"(\w+) / (\S+)", self.output))

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def wait(self, timeout: float = 20) -> int:
        """The exit code, once it has ended."""
        code = self.process.wait(timeout)
        self._reader.join(timeout)
        return code

    def pids(self, word: str = "") -> list[int]:
        """What still runs of all that this demo started: every process that has its database in the environment."""
        return [pid for pid, line in self._processes() if word in line]

    def _processes(self) -> Iterator[tuple[int, str]]:
        mark = f"GATEWAY_PORT={self.gateway_port}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                pass  # It has ended in the meantime, or is somebody else's.


class Browser:
    """Pages with a cookie jar, and sockets that send its cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self._jar), urllib.request.ProxyHandler({})
        )

    def get(self, path: str) -> str:
        return self._open(path)

    def post(self, path: str, **fields: str) -> str:
        """Fill in the form on the page at `path` and send it; returns the page that this leads to."""
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(path))[0]
        return self._open(path, {"csrfmiddlewaretoken": token, **fields})

    def log_in(self, username: str, password: str) -> str:
        return self.post("/login/", username=username, password=password)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._jar)

    def socket_url(self, room: str) -> str:
        """What the page of `room` tells its script to connect to."""
        return re.findall(r'data-socket="([^"]+)"', self.get(f"/rooms/{room}/"))[0]

    def messages(self, room: str) -> list[Any]:
        """The messages that the page of `room` comes with."""
        found = re.findall(r'<script id="messages" type="application/json">(.*?)</script>', self.get(f"/rooms/{room}/"))
        return list(json.loads(found[0]))

    def enter(self, room: str) -> Socket:
        """Open the page of `room`, and its socket as its script does."""
        return Socket(self.socket_url(room), self.url, self.cookie)

    def _open(self, path: str, fields: dict[str, str] | None = None) -> str:
        data = urllib.parse.urlencode(fields).encode() if fields else None
        with self._opener.open(urllib.request.Request(self.url + path, data), timeout=20) as response:
            return str(response.read().decode())


class Socket:
    """A socket that has said hello."""

    def __init__(self, url: str, origin: str, cookie: str) -> None:
        self._open = ExitStack()
        self._connection = self._open.enter_context(
            connect(url, additional_headers={"Cookie": cookie}, origin=Origin(origin))
        )
        self.send(action="hello")
        self.who = self.receive("who")["users"]

    def send(self, **message: Any) -> None:
        self._connection.send(json.dumps(message))

    def receive(self, kind: str, timeout: float = 10) -> Any:
        """The next message of this kind; others are passed over."""
        deadline = time.monotonic() + timeout
        while True:
            message = json.loads(self._connection.recv(max(0.01, deadline - time.monotonic())))
            if message.get("type") == kind:
                return message

    def wait_for_who(self, *names: str) -> None:
        while self.receive("who")["users"] != list(names):
            pass

    def close(self) -> None:
        self._open.close()
