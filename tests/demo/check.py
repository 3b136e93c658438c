"""Whether `make demo` works: run it twice, and chat through it. Prints PASS lines; exits with 1 on a failure.

.venv/bin/python tests/demo/check.py
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.demo.driving import Browser, Demo, free_ports  # noqa: E402

# A fresh clone makes its virtual environment first.
INSTALL_TIMEOUT = 300.0
COMMAND = ["make", "--no-print-directory", "demo"]


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        try:
            for number, ports in enumerate([free_ports(2), free_ports(2)], 1):
                print(f"make demo, run {number}")
                check_run(Path(directory), ports, number)
        except (AssertionError, OSError, TimeoutError, subprocess.TimeoutExpired) as error:
            print(f"FAIL  {error or type(error).__name__}")
            return 1
    return 0


def check_run(data_dir: Path, ports: list[int], number: int) -> None:
    with Demo(data_dir, ports, COMMAND, INSTALL_TIMEOUT) as demo:
        browsers = {name: Browser(demo.url) for name in demo.logins}
        for name, browser in browsers.items():
            expect(f'data-user="{name}"' in browser.log_in(name, demo.logins[name]), f"{name} logs in")
        alice, bob = browsers["alice"], browsers["bob"]
        check_chat(alice, bob, carol(alice, demo.url, first=number == 1), earlier=number - 1)
        check_killed_client(alice, bob, data_dir)
        expect(len(demo.pids()) >= 3, "the demo runs in processes of its own")
        demo.press_ctrl_c()
        demo.wait()
        expect(demo.pids() == [], "Ctrl-C ends all of them")


def carol(alice: Browser, url: str, first: bool) -> Browser:
    """A third user, added by alice in the admin."""
    password = "correct-horse-battery"
    if first:
        fields = {"username": "carol", "password1": password, "password2": password, "usable_password": "true"}
        page = alice.post("/admin/auth/user/add/", **fields)
        expect("was added successfully" in page, "alice adds carol in the admin")
    browser = Browser(url)
    browser.log_in("carol", password)
    return browser


def check_chat(alice: Browser, bob: Browser, carol: Browser, earlier: int) -> None:
    sockets = [alice.enter("lobby"), bob.enter("lobby"), carol.enter("kitchen")]
    expect(len(bob.messages("lobby")) == 2 * earlier, f"the room remembers {2 * earlier} messages")
    sockets[0].wait_for_who("alice", "bob")
    for writer, text in enumerate(["Hello Bob", "Hello Alice"]):
        sockets[writer].send(action="say", text=text)
        read = [socket.receive("message")["text"] for socket in sockets[:2]]
        expect(read == [text, text], f"{text!r} arrives in both windows")
    sockets[2].send(action="say", text="Nobody here?")
    # Messages to a connection keep their order: the first that carol gets is her own.
    expect(sockets[2].receive("message")["text"] == "Nobody here?", "carol, in another room, gets none of it")
    for socket in sockets:
        socket.close()


def check_killed_client(alice: Browser, bob: Browser, data_dir: Path) -> None:
    watcher = alice.enter("workshop")
    command = [sys.executable, str(Path(__file__).with_name("silent_client.py"))]
    client = subprocess.Popen([*command, bob.socket_url("workshop"), bob.url, bob.cookie])
    try:
        watcher.wait_for_who("alice", "bob")
        expect(connected(data_dir, "bob") == 1, "bob's row says connected")
    finally:
        client.kill()
        client.wait()
    watcher.wait_for_who("alice")
    expect(connected(data_dir, "bob") == 0, "his client is killed without a close frame: his row says disconnected")
    watcher.close()


def connected(data_dir: Path, username: str) -> int:
    """How many rows say that `username` is connected to the workshop."""
    database = sqlite3.connect(f"file:{data_dir / 'db.sqlite3'}?mode=ro", uri=True)
    query = (
        "SELECT count(*) FROM django_aws_api_gateway_websockets_websocketsession AS session "
        "JOIN auth_user ON auth_user.id = session.user_id "
        "WHERE session.connected AND session.channel_name = 'workshop' AND auth_user.username = ?"
    )
    try:
        return int(database.execute(query, [username]).fetchone()[0])
    finally:
        database.close()


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)
    print(f"PASS  {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
