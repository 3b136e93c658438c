"""The clean-up of ``make scale``: during connects, with a snapshot held open, and twice at once.

It runs ``python -m benchmarks.scale_clean_up connect DATABASE`` and ``… clean DATABASE`` as other processes.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import django

from .scale_database import execute, is_postgresql
from .scale_questions import Statements

CONNECTS_PER_SECOND = 50
WARM_UP = 20  # connects that are not counted


def clean_up(what, held=False, times=1):
    """Clean up every closed row while another process connects. Print times, memory and the slowest statement."""
    from django.db import connection

    from django_aws_api_gateway_websockets.models import WebSocketSession

    other = hold_snapshot() if held else None
    with connects() as connected:
        others = [start("clean") for _ in range(times - 1)]
        found = [clean(), *(json.loads(one.communicate()[0]) for one in others)]
    assert all(one.wait() == 0 for one in others)
    took = max(one["seconds"] for one in found)
    print(
        f"| {what} | {took:,.1f} s | {max(one['slowest'] for one in found) * 1000:,.0f} ms "
        f"| {max(one['memory'] for one in found):,.0f} MB "
        f"| {connected['count']:,}: {connected['median']:.1f} ms, {connected['p99']:.0f} ms |",
        flush=True,
    )
    closed = WebSocketSession.objects.filter(connected=False)
    assert not closed.exclude(connection_id__startswith="beside").exists()
    if other:
        other.close()
    assert connection.is_usable()


def clean():
    from django.core.management import call_command
    from django.db import connection

    statements, memory, started = Statements(), Memory(), time.perf_counter()
    with connection.execute_wrapper(statements), Path(os.devnull).open("w") as quiet:
        call_command("clearWebSocketSessions", stdout=quiet)
    return {"seconds": time.perf_counter() - started, "slowest": statements.slowest, "memory": memory.grown}


def connect():
    """Open and close rows until the standard input ends. Return the times of the connects."""
    from threading import Thread

    from django_aws_api_gateway_websockets.models import ApiGateway, WebSocketSession

    gateway, ended, times = ApiGateway.objects.get(), [], []
    Thread(target=lambda: ended.append(sys.stdin.read()), daemon=True).start()
    while not ended:
        started = time.perf_counter()
        session = WebSocketSession.objects.record(
            connection_id=f"beside{secrets.token_hex(7)}=", channel_name="Beside", api_gateway=gateway
        )
        times.append(time.perf_counter() - started)
        if len(times) == WARM_UP:
            print("begun", flush=True)
        session.join("Joined")
        if len(times) % 2:
            session.mark_disconnected("client")
        time.sleep(1 / CONNECTS_PER_SECOND)
    times = sorted(times[WARM_UP:])
    return {"count": len(times), "median": times[len(times) // 2] * 1e3, "p99": times[len(times) * 99 // 100] * 1e3}


def start(what):
    from django.db import connection

    root = Path(__file__).parent.parent
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scale_clean_up", what, connection.settings_dict["NAME"]],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'src'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def connects():
    """Let another process connect until the end of the block. The yielded dict then has its times."""
    found, process = {}, start("connect")
    process.stdout.readline()  # it has begun
    try:
        yield found
    finally:
        found.update(json.loads(process.communicate("")[0]))


def hold_snapshot():
    from django.db import connection

    from django_aws_api_gateway_websockets.models import WebSocketSession

    other = connection.copy()
    with other.cursor() as cursor:
        if is_postgresql():
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        else:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute(f"SELECT 1 FROM {WebSocketSession._meta.db_table} LIMIT 1")
    return other


class Memory:
    """How much more memory this process had at its peak than at the beginning, in MB. Linux only."""

    def __init__(self):
        Path("/proc/self/clear_refs").write_text("5")  # reset the peak
        self.before = self.read("VmRSS")

    @staticmethod
    def read(name):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024

    @property
    def grown(self):
        return self.read("VmHWM") - self.before


def main():
    what, name = sys.argv[1:]
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    from django.db import connection

    connection.settings_dict["NAME"] = name
    execute("SELECT 1")
    print(json.dumps({"connect": connect, "clean": clean}[what]()))


if __name__ == "__main__":
    main()
