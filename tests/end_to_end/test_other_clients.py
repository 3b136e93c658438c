"""Clients that others wrote, against the local gateway: connect, talk, be pushed to, be refused, be closed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
import websocket

from django_aws_api_gateway_websockets.local.server import LocalGateway
from tests.local.conftest import Api, Backend, client, message, new_api

pytestmark = pytest.mark.end_to_end

TOO_LONG = 32 * 1024 + 1


@pytest.fixture
def chat() -> Iterator[Api]:
    """An API whose route ``echo`` answers, and whose route ``end`` deletes the connection."""
    backend = Backend()
    with LocalGateway(idle_timeout=1) as gateway:
        api = new_api(gateway, client("apigatewayv2", gateway.url), backend)
        for key in ("$connect", "$disconnect", "$default", "end"):
            api.route(key)
        api.route("echo", two_way=True)
        api.deploy()
        management = api.management()

        def end(got: Any) -> int:
            management.delete_connection(ConnectionId=got.headers["connectionId"])
            return 200

        backend.answers["/end"] = end
        backend.answers["/echo"] = lambda got: (200, {}, got.body)
        backend.answers["/connect"] = lambda got: 403 if "refuse" in got.path else 200
        yield api
    backend.close()


# -- websocket-client -----------------------------------------------------------------------------------------


def test_websocket_client_talks(chat: Api) -> None:
    ws = websocket.create_connection(chat.url, timeout=5)
    ws.send(message("echo", text="é"))
    assert ws.recv() == message("echo", text="é")
    ws.close()
    chat.backend.wait("/disconnect")


def test_websocket_client_is_refused(chat: Api) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        websocket.create_connection(f"{chat.url}?refuse", timeout=5)
    assert caught.value.status_code == 403


@pytest.mark.parametrize(("act", "code"), [("end", 1000), ("idle", 1001), ("binary", 1003), ("long", 1009)])
def test_websocket_client_sees_the_close_code(chat: Api, act: str, code: int) -> None:
    ws = websocket.create_connection(chat.url, timeout=5)
    if act == "end":
        ws.send(message("end"))
    elif act == "binary":
        ws.send_binary(b"x")
    elif act == "long":
        ws.send("x" * TOO_LONG)
    opcode, data = ws.recv_data()
    assert (opcode, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, code)
    ws.close()
    chat.backend.wait("/disconnect")


# -- npm's ws -------------------------------------------------------------------------------------------------

SCRIPT = """
const WebSocket = require("ws");
const [url, steps] = [process.argv[1], JSON.parse(process.argv[2])];
const seen = [];
const done = () => { console.log(JSON.stringify(seen)); process.exit(0); };
const ws = new WebSocket(url, { perMessageDeflate: false });
const next = () => {
  const step = steps.shift();
  if (step === undefined) return;
  if (step === "close") return ws.close(1000);
  if (step === "binary") return ws.send(Buffer.from("x"));
  ws.send(step);
};
ws.on("open", next);
ws.on("message", (data, binary) => { seen.push(binary ? "binary" : data.toString()); next(); });
ws.on("unexpected-response", (request, response) => { seen.push(response.statusCode); done(); });
ws.on("close", (code) => { seen.push(code); done(); });
"""


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``ws`` is installed: NODE_MODULES of the environment, or a folder that npm fills now."""
    given = os.environ.get("NODE_MODULES")
    if given:
        return Path(given)
    npm = shutil.which("npm")
    if npm is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node and npm are not installed")
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run([npm, "install", "--no-audit", "--no-fund", "ws@8"], cwd=folder, check=True, timeout=120)
    return folder / "node_modules"


def node(modules: Path, url: str, *steps: str) -> List[Any]:
    """What the script saw: messages, then the close code or the refused status."""
    environment: Dict[str, str] = {**os.environ, "NODE_PATH": str(modules)}
    command = ["node", "-e", SCRIPT, url, json.dumps(steps)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_npm_ws_talks_and_closes(chat: Api, node_modules: Path) -> None:
    text = message("echo", text="é")
    assert node(node_modules, chat.url, text, "close") == [text, 1000]
    chat.backend.wait("/disconnect")


@pytest.mark.parametrize(
    ("steps", "code"), [([message("end")], 1000), ([], 1001), (["binary"], 1003), (["x" * TOO_LONG], 1009)]
)
def test_npm_ws_sees_the_close_code(chat: Api, node_modules: Path, steps: List[str], code: int) -> None:
    assert node(node_modules, chat.url, *steps) == [code]
    chat.backend.wait("/disconnect")


def test_npm_ws_is_refused(chat: Api, node_modules: Path) -> None:
    assert node(node_modules, f"{chat.url}?refuse") == [403]
