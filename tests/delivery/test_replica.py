"""A site whose router reads from a replica: what is written goes where writes go."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_a_site_that_reads_from_a_replica(server, tmp_path):
    server.script = {"1=": "gone"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.delivery.replica_site", tmp_path, server.api_endpoint],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "gone": ["1="],
        "disconnected": 3,
        "open": 0,
        "repeated": False,
        "left": 4,  # closed a moment ago, so they may be opened again
    }
    # Nothing of what was rolled back was sent.
    assert server.received == {name: [{"n": "sent"}] for name in ("0=", "2=", "3=")}
