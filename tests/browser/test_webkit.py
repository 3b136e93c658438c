"""The core of GatewaySocket in WebKitGTK (Debian: webkit2gtk-driver and xvfb), the engine that Safari uses too."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from urllib.request import Request, urlopen

import pytest

from tests.demo.driving import free_ports

from .core import *  # noqa: F403  fixtures, and tests that run here in WebKit
from .test_firefox import test_the_page_sees_no_close_during_a_hand_over  # noqa: F401  runs here in WebKit
from .test_gateway_socket import visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class WebKit:
    """A window with the methods of ``Window`` that these tests use. MiniBrowser needs a display, so it gets its own.

    Selenium's class for WebKitGTK raises warnings, so this class calls the driver directly.
    """

    def __init__(self, driver):
        self._processes = ExitStack()
        try:
            environment = {**os.environ, "DISPLAY": self._display()}
            (port,) = free_ports(1)
            self._start([driver, f"--port={port}"], env=environment)
            _wait_for_port(port)
            self._url = f"http://127.0.0.1:{port}/session"
            self._url += "/" + self._call("POST", "", capabilities={})["sessionId"]
        except BaseException:
            self._processes.close()
            raise

    def _start(self, command, **options):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
        self._processes.callback(process.wait, 20)
        self._processes.callback(process.terminate)

    def _display(self):
        """Start an X server on a free display, and return the display's name."""
        reader, writer = os.pipe()
        self._start(["Xvfb", "-displayfd", str(writer), "-nolisten", "tcp"], pass_fds=[writer])
        os.close(writer)
        with os.fdopen(reader) as numbers:
            return ":" + numbers.readline().strip()

    def _call(self, method, path, **parameters):
        body = None if method == "DELETE" else json.dumps(parameters).encode()
        request = Request(self._url + path, body, {"Content-Type": "application/json"}, method=method)
        with urlopen(request, timeout=40) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self._call("POST", "/url", url=url)

    def run(self, script, *arguments):
        return self._call("POST", "/execute/sync", script=script, args=arguments)

    def close(self):
        with self._processes:
            self._call("DELETE", "")


def _wait_for_port(port):
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline, "WebKitWebDriver did not start."
            time.sleep(0.05)


@pytest.fixture(scope="module")
def webkit():
    driver = shutil.which("WebKitWebDriver")
    if driver is None or shutil.which("Xvfb") is None:
        pytest.skip("webkit2gtk-driver or xvfb is not installed")
    webkit = WebKit(driver)
    yield webkit
    webkit.close()


@pytest.fixture
def window(webkit, live_server, row):
    yield visit(webkit, live_server)
    webkit.open("about:blank")
