"""Run the files and commands of the example in docs/history.md, word for word, in the quickstart's folder."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.sockets import connect

from .terminals import ROOT, get, prepared, started

pytestmark = [pytest.mark.end_to_end, pytest.mark.once]

STEPS = ROOT / "docs" / "examples" / "history"
FILES = ("models.py", "sockets.py", "urls.py", "templates/index.html", "static/chat.js")


@pytest.fixture
def project(tmp_path):
    terminals = prepared(tmp_path)
    settings = tmp_path / "mysite" / "settings.py"
    # Keep this test run's own port of the local gateway.
    local = settings.read_text().rstrip().rsplit("\n", 1)[1].replace("WEBSOCKETS = ", "")
    settings.write_text(f"{settings.read_text()}{(STEPS / 'settings.py').read_text()}WEBSOCKETS.update({local})\n")
    for name in FILES:
        terminals.copy(STEPS / name, f"mysite/{name}")
    # In the documentation's folder, pytest would collect a file with the name tests.py.
    terminals.copy(STEPS / "room_tests.py", "mysite/tests.py")
    terminals.command((STEPS / "migrate.sh").read_text())
    return terminals


class Page:
    """Does what a browser does: it joins the channel of the tag `live` with the position in the page."""

    def __init__(self, site, opened):
        html = get(site)
        self.lines = re.findall('<li id="line-[0-9]+">(.*?)</li>', html)
        self.channel, self.at = re.search('data-live="(.*?)" data-at="(.*?)"', html).groups()
        settings = re.search('<script id="gateway-socket" type="application/json">(.*?)</script>', html)[1]
        self.url, self.site, self.opened = json.loads(settings)["url"], site, opened
        assert "gatewaySocket()" in get(site.rstrip("/") + re.search('src="([^"]*chat.js)"', html)[1])

    def joined(self):
        self.socket = self.opened.enter_context(connect(self.url, origin=f"http://{urlsplit(self.site).netloc}"))
        join = {self.channel: self.at}
        self.socket.send(json.dumps({"action": "_ws", "_ws": {"id": "join-1", "v": 1, "join": join}}))
        reply = json.loads(self.socket.recv(10))["_ws"]
        if "refused" in reply or reply["joined"] == join:
            return reply.get("refused", [])
        return [entry["message"]["text"] for entry in json.loads(self.socket.recv(10))["_ws"]["missed"]]

    def say(self, text):
        self.socket.send(json.dumps({"action": "say", "text": text}))
        return json.loads(self.socket.recv(10))


def test_the_tests_of_the_example_pass(project):
    assert "Ran 2 tests" in project.command("python manage.py test mysite 2>&1")


def test_a_page_of_the_example_misses_nothing(project):
    with started(project) as started_site, ExitStack() as opened:
        site = started_site.site
        early, writer = Page(site, opened), Page(site, opened)
        assert (early.lines, writer.joined()) == ([], [])
        for text in ("one", "two"):
            said = writer.say(text)
            assert (said["type"], said["text"]) == ("said", text)
        assert early.joined() == ["one", "two"]
        away = Page(site, opened)
        assert away.lines == ["one", "two"]
        project.command(f"python manage.py shell <<'END'\n{(STEPS / 'delete.py').read_text()}END")
        assert away.joined() == {"room-1": 409}
        late = Page(site, opened)
        assert (late.lines, late.joined()) == (["one", "two"], [])
