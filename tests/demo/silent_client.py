"""A client that enters a room and then waits to be killed: `silent_client.py URL ORIGIN COOKIE`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.demo.driving import Socket

if __name__ == "__main__":
    socket = Socket(*sys.argv[1:])
    time.sleep(60)
