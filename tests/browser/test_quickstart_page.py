"""The page of the quickstart, in two windows."""

from __future__ import annotations

import time

import pytest

from tests.end_to_end.terminals import quickstart

pytestmark = pytest.mark.browser


def test_what_one_writes_shows_in_both_windows(tmp_path, make_window):
    with quickstart(tmp_path) as site:
        windows = [make_window(), make_window()]
        for window in windows:
            window.open(site)
            deadline = time.monotonic() + 10
            while window.run("return socket.readyState") != 1:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        windows[0].fill("#text", "Hello <b>you</b>", "\n")
        for window in windows:
            window.wait_for_text("#list li", "somebody: Hello <b>you</b>")
