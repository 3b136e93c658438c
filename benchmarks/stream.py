"""1,000,000 rows through send_message to a gateway in this process that accepts everything. Prints JSON.

``python -m benchmarks.stream COUNT`` measures the engine, the database and the report without a network.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import django


def resident():
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def main():
    count = int(sys.argv[1])
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()

    from benchmarks.rows import make_sessions
    from django_aws_api_gateway_websockets.delivery.transport import in_process

    gateway = make_sessions("wss://a1b2.in-process.invalid", count)

    def takes_everything(target, call):
        return None

    in_process[gateway.connections_url] = takes_everything
    gateway.sessions.all()[:1].get().send_message({})
    before = resident()
    report = gateway.sessions.all().send_message({"hello": "world"})
    assert len(report.sent) == count, report
    print(json.dumps({"rate": report.rate, "memory": resident() - before}))


if __name__ == "__main__":
    main()
