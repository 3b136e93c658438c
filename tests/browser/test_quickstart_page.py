"""The page of the quickstart, in two windows."""

from __future__ import annotations

import time

import pytest

from tests.end_to_end.terminals import edits, quickstart, running

pytestmark = pytest.mark.browser


@pytest.fixture
def open_page(make_window):
    """Opens the page of a site in a window, and waits for its socket."""

    def open_page(site):
        window = make_window()
        window.open(site)
        deadline = time.monotonic() + 10
        while window.run("return socket.readyState") != 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return window

    return open_page


def test_what_one_writes_shows_in_both_windows(tmp_path, open_page):
    with quickstart(tmp_path) as site:
        windows = [open_page(site), open_page(site)]
        windows[0].fill("#text", "Hello <b>you</b>", "\n")
        for window in windows:
            window.wait_for_text("#list li", "somebody: Hello <b>you</b>")


def test_twenty_edits_of_the_code_drop_no_window(tmp_path, open_page):
    with running(tmp_path) as site:
        windows = [open_page(site.site), open_page(site.site)]
        for number, name in enumerate(edits(site, 20), 1):
            windows[number % 2].fill("#text", name, "\n")
            for window in windows:
                window.wait_for_text(f"#list li:nth-child({number})", f"somebody: {name}")
        assert [window.run("return socket.readyState") for window in windows] == [1, 1]
