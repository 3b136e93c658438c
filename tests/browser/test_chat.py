"""Two windows of the demo side by side. `SCREENSHOTS=docs/images` keeps the picture."""

from __future__ import annotations

import io
import os
import sqlite3
import time
from pathlib import Path

import pytest

from .pictures import side_by_side

pytestmark = pytest.mark.browser

CONVERSATION = [
    ("alice", "Morning! Does the new release hold the sockets while we deploy?"),
    ("bob", "It does. API Gateway keeps them open, Django only answers POSTs."),
    ("alice", "So a restart of the workers disconnects nobody?"),
    ("bob", "Nobody. I restarted twice since you joined 🙂"),
]


@pytest.fixture
def windows(demo, make_window):
    """Both users in the workshop."""
    windows = {}
    for name, password in demo.logins.items():
        window = windows[name] = make_window()
        window.open(demo.url + "/rooms/workshop/")
        window.fill("#id_username", name)
        window.fill("#id_password", password, "\n")
        window.wait_for_text("#state", "Connected")
    windows["alice"].wait_for_text("#who", "bob")
    return windows


def test_what_is_written_in_one_window_shows_in_the_other(windows):
    for writer, text in CONVERSATION:
        windows[writer].fill("#text", text, "\n")
        for window in windows.values():
            window.wait_for_text("#log li:last-child .text", text)
    # A message is text, whatever it looks like.
    keep_picture(windows)
    windows["bob"].fill("#text", "<img src=x onerror=document.title='oops'> & <b>bold</b>", "\n")
    windows["alice"].wait_for_text("#log li:last-child .text", "<b>bold</b>")
    assert "oops" not in windows["alice"].title


def test_the_other_window_shows_who_comes_writes_and_leaves(windows):
    alice, bob = windows["alice"], windows["bob"]
    alice.wait_for_text("#log", "bob came in")
    bob.fill("#text", "Hm")
    alice.wait_for_text("#typing", "bob is writing")
    bob.click(".rooms a")
    bob.wait_for_text("h1", "Lobby")
    alice.wait_for_text("#log", "bob left")
    assert "bob" not in alice.text("#who")
    bob.back()
    bob.wait_for_text("#state", "Connected")
    alice.wait_for_text("#who", "bob")


def test_page_reports_a_lost_socket_and_reconnects(demo, windows):
    alice = windows["alice"]
    alice.run("dispatchEvent(new Event('freeze'))")
    alice.wait_for_text("#state", "Disconnected")
    alice.click("#retry")
    alice.wait_for_text("#state", "Connected")
    windows["bob"].fill("#text", "Are you back?", "\n")
    alice.wait_for_text("#log", "Are you back?")


def say_while_away(windows, *texts):
    """Bob writes while the page of alice sleeps. Then it wakes up. Return what it shows from there on."""
    alice = windows["alice"]
    alice.run("dispatchEvent(new Event('freeze'))")
    alice.wait_for_text("#state", "Disconnected")
    for text in texts:
        windows["bob"].fill("#text", text, "\n")
        windows["bob"].wait_for_text("#log li:last-child .text", text)
    alice.click("#retry")
    alice.wait_for_text("#log", texts[-1])
    time.sleep(1)  # A repeated message would have arrived by now.
    return alice.run("return [...document.querySelectorAll('#log .text')].map((text) => text.textContent)")


def test_a_page_that_reconnects_gets_the_missed_messages(windows):
    windows["alice"].fill("#text", "Back in a minute", "\n")
    windows["bob"].wait_for_text("#log", "Back in a minute")
    texts = [f"message {number}" for number in range(5)]
    assert say_while_away(windows, *texts) == ["Back in a minute", *texts]


def test_a_page_that_was_offline_shows_each_message_once(windows):
    """ENDURANCE=1 runs it for a minute. Chromium's offline mode keeps an open socket, so the page closes it first."""
    alice, bob = windows["alice"], windows["bob"]
    alice.run("dispatchEvent(new Event('freeze'))")
    alice.wait_for_text("#state", "Disconnected")
    set_online(alice, False)
    alice.click("#retry")
    texts, end = [], time.monotonic() + (60 if os.environ.get("ENDURANCE") else 3)
    while time.monotonic() < end:
        texts.append(f"message {len(texts)}")
        bob.fill("#text", texts[-1], "\n")
        bob.wait_for_text("#log li:last-child .text", texts[-1])
    assert "message" not in alice.text("#log")
    set_online(alice, True)
    alice.wait_for_text("#log", texts[-1])
    time.sleep(1)  # A repeated message would have arrived by now.
    shown = alice.run("return [...document.querySelectorAll('#log .text')].map((text) => text.textContent)")
    assert shown == texts


def set_online(window, online):
    conditions = {"offline": not online, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    window.cdp("Network.enable", {})
    window.cdp("Network.emulateNetworkConditions", conditions)


def test_a_page_loads_its_messages_again_after_a_gap(windows, tmp_path):
    windows["alice"].fill("#text", "Before", "\n")
    windows["bob"].wait_for_text("#log", "Before")
    windows["alice"].run("window.fetched = []; socket.addEventListener('live', (event) => fetched.push(event.channel))")
    database = sqlite3.connect(tmp_path / "db.sqlite3", timeout=20)
    with database:
        for table in ("historymessage", "channelhistory"):
            database.execute(f"DELETE FROM django_aws_api_gateway_websockets_{table}")
    database.close()
    assert say_while_away(windows, "After 1", "After 2") == ["Before", "After 1", "After 2"]
    assert windows["alice"].run("return fetched") == ["workshop"]


def test_page_says_that_it_was_logged_out(windows):
    alice = windows["alice"]
    alice.run("fetch('/logout/', {method: 'POST', body: new FormData(document.querySelector('.me form'))})")
    alice.wait_for_text("#state", "You have logged out.")
    windows["bob"].wait_for_text("#log", "alice left")


def test_page_can_be_used_by_keyboard_on_a_phone(windows):
    bob = windows["bob"]
    bob.resize(390, 700)
    bob.set_dark()
    assert bob.run("return document.documentElement.scrollWidth") <= 390
    press_until(bob, "text")
    for letter in "Hi":
        bob.press(letter)
    bob.press("ENTER")
    windows["alice"].wait_for_text("#log li:last-child .text", "Hi")


AXE = """
const done = arguments[arguments.length - 1];
axe.run().then(({violations}) => done(violations.filter(({impact}) => impact === "serious" || impact === "critical")
  .flatMap(({id, nodes}) => nodes.map(({html, any}) => `${id}: ${html} ${any[0]?.message}`))));
"""


def test_axe_finds_nothing_serious(demo, windows):
    script = Path(pytest.importorskip("axe_selenium_python").__file__).with_name("node_modules") / "axe-core/axe.min.js"
    alice = windows["alice"]
    alice.resize(390, 700)
    for page in ("/rooms/workshop/", "/board/"):
        alice.open(demo.url + page)
        alice.wait_for_text(".state", "Connected")
        alice.fill("#text", "Hello", "\n")
        alice.wait_for_text(".text", "Hello")
        alice.run(script.read_text(encoding="utf-8"))
        found = {}
        for dark in (False, True):
            alice.set_dark(dark)
            found[dark] = alice.run_async(AXE)
        assert found == {False: [], True: []}, page


def test_the_board_can_be_used_by_keyboard_on_a_phone(demo, windows):
    for window in windows.values():
        window.resize(390, 700)
        window.open(demo.url + "/board/")
        assert window.run("return document.documentElement.scrollWidth") <= 390
    alice, bob = windows["alice"], windows["bob"]
    for window in (alice, bob):
        wait_until(lambda: window.run("return document.documentElement.dataset.socket") == "open")  # noqa: B023
    press_until(bob, "text")
    for key in ("O", "k", "ENTER"):
        bob.press(key)
    for window in (alice, bob):
        window.wait_for_text("#notes li .text", "Ok")
    assert bob.run("return document.getElementById('text').value") == ""
    # What was missed during a drop is there after it.
    alice.run("dispatchEvent(new Event('freeze'))")
    wait_until(lambda: alice.run("return document.documentElement.dataset.socket") == "waiting")
    bob.fill("#text", "Missed", "\n")
    bob.wait_for_text("#notes li .text", "Missed")
    assert "Missed" not in alice.text("#notes")
    alice.run("dispatchEvent(new Event('resume'))")
    alice.wait_for_text("#notes li .text", "Missed")


def press_until(window, name):
    """Press Tab until the element with this id has the focus."""
    window.run("document.activeElement.blur()")
    for _ in range(20):
        window.press("TAB")
        if window.run("return document.activeElement.id") == name:
            return


def wait_until(true):
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def keep_picture(windows):
    picture = side_by_side([windows[name].screenshot() for name in ("alice", "bob")])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    assert picture.width > 1000
    if os.environ.get("SCREENSHOTS"):
        Path(os.environ["SCREENSHOTS"], "chat.png").write_bytes(buffer.getvalue())
