"""The core of GatewaySocket in Firefox (Debian: firefox-esr), by WebDriver BiDi: connect, reconnect, request, move."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from contextlib import ExitStack

import pytest
from websockets.sync.client import connect

from .core import *  # noqa: F403  fixtures, and tests that run here in Firefox
from .test_gateway_socket import WebSocketSession, events, opened, visit, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Firefox:
    """A window with the methods of ``Window`` that these tests use."""

    def __init__(self, program, profile):
        command = [program, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)]
        # A process group of its own, because Firefox starts further processes.
        self._process = subprocess.Popen(
            [*command, "about:blank"], stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self._numbers, self._open = itertools.count(1), ExitStack()
        self._open.callback(self._end)
        try:
            self._bidi = self._open.enter_context(connect(f"{self._address()}/session", max_size=None))
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        threading.Thread(target=self._process.stderr.read, daemon=True).start()
        self._call("session.new", capabilities={})
        self._context = self._call("browsingContext.getTree")["contexts"][0]["context"]

    def _address(self):
        for line in self._process.stderr:
            found = re.search(r"WebDriver BiDi listening on (ws://\S+)", line)
            if found:
                return found[1]
        raise AssertionError("Firefox did not start.")

    def _call(self, method, **parameters):
        number = next(self._numbers)
        self._bidi.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._bidi.recv(30))
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, url):
        self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def run(self, script, *arguments):
        expression = f"JSON.stringify((function () {{ {script} }})(...{json.dumps(arguments)}) ?? null)"
        target = {"context": self._context}
        answer = self._call("script.evaluate", expression=expression, target=target, awaitPromise=False)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def close(self):
        self._open.close()

    def _end(self):
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(20)


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("firefox-esr is not installed")
    firefox = Firefox(program, tmp_path_factory.mktemp("firefox"))
    yield firefox
    firefox.close()


@pytest.fixture
def window(firefox, live_server, row):
    yield visit(firefox, live_server)
    firefox.open("about:blank")


def test_the_page_sees_no_close_during_a_hand_over(window, row):
    opened(window, row, handover=1)
    wait_until(lambda: WebSocketSession.objects.filter(closed_reason="moved").count() >= 2)
    time.sleep(0.2)
    window.run("socket.send({action: 'say', text: 'moved'})")
    wait_until(lambda: events(window, "message"))
    assert events(window, "message") == [[{"type": "said", "text": "moved"}]]
    assert events(window, "close") == []
