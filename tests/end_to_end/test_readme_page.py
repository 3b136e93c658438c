"""README, as a stranger follows it: an empty folder, a fresh virtual environment, and what the page says."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys

import pytest

from tests.demo.driving import free_ports
from tests.sockets import connect

from .terminals import ROOT, Output, socket_url, stop

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## A first socket\n")[1].split("\n## ")[0]
STEPS, _END, _ = SECTION.partition("Send from anywhere in your code")
assert _END, "The section has another end."
PARTS = re.split(r"^```(\w+)\n(.*?)^```\n", STEPS, flags=re.MULTILINE | re.DOTALL)
#: Each block of the section, with the text before it.
BLOCKS = list(zip(PARTS[::3], PARTS[1::3], PARTS[2::3]))
COMMANDS = [line for _, kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
SECONDS = 60


def test_the_first_socket_takes_at_most_four_commands():
    assert 1 < len(COMMANDS) <= 4
    assert not [line for line in COMMANDS if re.search(r"&|;|\||\bexport\b|^\w+=", line)]


@pytest.fixture
def shell(tmp_path):
    """Starts a command line in the empty folder, with a fresh virtual environment and no variable of ours."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / ".venv")], check=True)
    ours = ("DJANGO_", "AWS_", "PYTHON", "COVERAGE", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment["PATH"] = os.pathsep.join([str(tmp_path / ".venv" / "bin"), environment["PATH"]])

    def start(line):
        return subprocess.Popen(
            ["sh", "-ec", line.replace("path/to/clone", str(ROOT))], cwd=tmp_path, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    return start


def machine_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write(folder, before, text):
    """Write a block into the file that the text before it names."""
    file = folder / re.findall(r"`(mysite/[\w/.]+)`", before)[-1]
    file.parent.mkdir(parents=True, exist_ok=True)
    old = file.read_text(encoding="utf-8") if "At the end of" in before else ""
    file.write_text(old + text, encoding="utf-8")


def test_readme_leads_to_a_socket_within_a_minute(tmp_path, shell):
    ports, began = free_ports(2), machine_time()
    for before, kind, text in BLOCKS:
        if kind != "sh":
            write(tmp_path, before, text)
            continue
        for line in text.splitlines()[: -1 if text.endswith("--site\n") else None]:
            process = shell(line)
            output, _ = process.communicate(timeout=300)
            assert process.returncode == 0, output
    # Others may use the ports of the page.
    settings = f'WEBSOCKETS = {{"LOCAL_GATEWAY": "http://127.0.0.1:{ports[1]}"}}\n'
    write(tmp_path, "At the end of `mysite/settings.py`", settings)
    process = shell(f"{COMMANDS[-1]} {ports[0]}")
    try:
        site = f"http://127.0.0.1:{ports[0]}"
        Output(process).wait(f"sockets | Open {site}")
        with connect(socket_url(site), origin=site) as socket:
            socket.send(json.dumps({"action": "say", "text": "Hello"}))
            assert json.loads(socket.recv(10)) == {"from": "somebody", "text": "Hello"}
    finally:
        stop(process)
    assert machine_time() - began < SECONDS
