"""The quickstart, word for word, in an empty folder: its files and its commands."""

from __future__ import annotations

import json
import urllib.error
from contextlib import ExitStack

import pytest

from tests.sockets import connect

from .terminals import edits, get, quickstart, running, socket_url, stop

pytestmark = pytest.mark.end_to_end


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


@pytest.mark.slow
def test_twenty_edits_while_two_windows_chat(tmp_path):
    with running(tmp_path) as site, ExitStack() as opened:
        url = socket_url(site.site)
        one, other = (opened.enter_context(connect(url, origin=site.site)) for _ in range(2))
        for name in edits(site, 20):
            one.send(json.dumps({"action": "sing"}))
            assert json.loads(one.recv(10))["from"] == name
            said = {"from": "somebody", "text": name}
            for _ in range(3):
                other.send(json.dumps({"action": "say", "text": name}))
                answer = json.loads(other.recv(10))
                if answer.get("message") != "Internal server error":
                    break
                # The server process ended during the request, because runserver loaded the code once more.
            assert answer == said
            assert json.loads(one.recv(10)) == said
            while True:  # what a repetition sent twice
                try:
                    one.recv(0)
                except TimeoutError:
                    break


def test_ctrl_c_ends_the_site_and_the_gateway(tmp_path):
    with running(tmp_path) as started:
        url = socket_url(started.site)
        stop(started.process)
        for gone in (started.site, url.replace("ws:", "http:")):
            with pytest.raises(urllib.error.URLError, match="refused"):
                get(gone)
