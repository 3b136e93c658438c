"""Chromium, driven by Selenium: Debian's packages chromium and chromium-driver."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.demo.driving import Demo, free_ports

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-device-scale-factor=2",
    "--lang=en-GB",
)
TIMEOUT = 15.0
JS = Path(__file__).resolve().parents[2] / "js"


@pytest.fixture(scope="session")
def npm():
    """htmx and its extensions, in the versions of js/package-lock.json."""
    if not (JS / "node_modules" / "htmx4").exists():
        if shutil.which("npm") is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("npm is not installed")
        subprocess.run(["npm", "ci", "--silent"], cwd=JS, check=True, timeout=300)


@pytest.fixture
def make_window(tmp_path_factory):
    """Opens windows, each of a browser of its own, so that each has its own cookies."""
    windows = []

    def make(width=760, height=760):
        window = Window(tmp_path_factory.mktemp("profile"), width, height)
        windows.append(window)
        return window

    yield make
    for window in windows:
        window.close()


@pytest.fixture
def demo(tmp_path):
    with Demo(tmp_path, free_ports(2)) as demo:
        yield demo


class Window:
    def __init__(self, profile: Any, width: int, height: int) -> None:
        # Imported here: the rest of the suite runs without it.
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = _path("chromium")
        for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
            options.add_argument(flag)
        self._driver = webdriver.Chrome(options, Service(_path("chromedriver")))
        self.resize(width, height)

    def open(self, url: str) -> None:
        self._driver.get(url)

    def fill(self, selector: str, text: str, key: str = "") -> None:
        """Put `text` into a field as typing does, and press `key`."""
        element = self._driver.find_element("css selector", selector)
        # ChromeDriver's own keys know no emoji.
        element.click()
        self._driver.execute_cdp_cmd("Input.insertText", {"text": text})
        if key:
            element.send_keys(key)

    def click(self, selector: str) -> None:
        self._driver.find_element("css selector", selector).click()

    def set_cookie(self, name: str, value: str) -> None:
        self._driver.add_cookie({"name": name, "value": value})

    def new_tab(self) -> str:
        self._driver.switch_to.new_window("tab")
        return self._driver.current_window_handle

    def switch_to(self, tab: str) -> None:
        self._driver.switch_to.window(tab)

    @property
    def tab(self) -> str:
        return self._driver.current_window_handle

    def close_tab(self, tab: str) -> None:
        self._driver.switch_to.window(tab)
        self._driver.close()

    def kill_tab(self, tab: str) -> None:
        """Crash the tab's renderer process. Its scripts stop, so the page gets neither `pagehide` nor `close`."""
        from selenium.common.exceptions import WebDriverException

        self._driver.switch_to.window(tab)
        with contextlib.suppress(WebDriverException):
            self._driver.execute_cdp_cmd("Page.crash", {})

    def back(self) -> None:
        self._driver.back()

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector))

    def wait_for_text(self, selector: str, text: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        while text not in self.text(selector):
            assert time.monotonic() < deadline, f"{selector} shows {self.text(selector)!r}, not {text!r}"
            time.sleep(0.05)

    def run(self, script: str, *arguments: object) -> Any:
        return self._driver.execute_script(script, *arguments)

    def run_async(self, script: str, *arguments: object) -> Any:
        """Run a script that calls its last argument with the result."""
        return self._driver.execute_async_script(script, *arguments)

    def cdp(self, command: str, parameters: dict[str, Any]) -> Any:
        """Call a command of the Chrome DevTools Protocol."""
        return self._driver.execute_cdp_cmd(command, parameters)

    def press(self, key: str) -> None:
        """Press a key, such as ``/`` or ``ENTER``, where the focus is."""
        from selenium.webdriver.common.keys import Keys

        self._driver.switch_to.active_element.send_keys(getattr(Keys, key, key))

    def errors(self) -> list[str]:
        """Return what the console says of errors, such as a violated Content-Security-Policy."""
        return [entry["message"] for entry in self._driver.get_log("browser") if entry["level"] == "SEVERE"]

    @property
    def title(self) -> str:
        return self._driver.title

    def set_dark(self, dark: bool = True) -> None:
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def resize(self, width: int, height: int) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": False}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def screenshot(self) -> bytes:
        return self._driver.get_screenshot_as_png()

    def close(self) -> None:
        self._driver.quit()


def _path(program: str) -> str:
    path = shutil.which(program)
    assert path, f"{program} is not installed. Debian: apt-get install chromium chromium-driver"
    return path


@pytest.fixture
def page(api, make_window):
    """A window on the backend of the module's own `api`."""
    window = make_window()
    window.open(api.backend.url + "/page")
    return window
