"""The cost of the inspector: CPU of the local gateway's process for a message and the reply. Prints JSON.

``proxy`` messages go to an HTTP backend, ``mock`` ones to a MOCK integration, which cost the gateway the least.

``python -m benchmarks.inspector PORT COUNT``, with a sink on PORT.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import boto3
from websockets.sync.client import connect

#: Messages in progress at the same time.
WINDOW = 16
#: Each round measures one gateway right after the other, so that other work on the machine slows both equally.
ROUNDS = 60


@contextlib.contextmanager
def gateway(*options):
    """Yield pid and URL of a local gateway."""
    command = [sys.executable, "-m", "django_aws_api_gateway_websockets.local", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.pid, re.search(r"http://\S+", process.stdout.readline()).group()
        finally:
            process.terminate()


def make_api(url, port):
    """Return the URL of an API with a route for each kind of integration."""
    control = boto3.client(
        "apigatewayv2", endpoint_url=url, region_name="x", aws_access_key_id="x", aws_secret_access_key="x"
    )
    api = control.create_api(Name="bench", ProtocolType="WEBSOCKET")
    ids = {"ApiId": api["ApiId"]}
    proxy = control.create_integration(
        **ids, IntegrationType="HTTP_PROXY", IntegrationMethod="POST", IntegrationUri=f"http://127.0.0.1:{port}/x"
    )
    mock = control.create_integration(**ids, IntegrationType="MOCK", RequestTemplates={"$default": "{}"})
    control.create_integration_response(
        **ids,
        IntegrationId=mock["IntegrationId"],
        IntegrationResponseKey="$default",
        ResponseTemplates={"$default": "done"},
    )
    for key, made in (("proxy", proxy), ("mock", mock)):
        route = control.create_route(**ids, RouteKey=key, Target=f"integrations/{made['IntegrationId']}")
        control.create_route_response(**ids, RouteId=route["RouteId"], RouteResponseKey="$default")
    control.create_stage(**ids, StageName="bench")
    control.create_deployment(**ids, StageName="bench")
    return f"{api['ApiEndpoint']}/bench"


def cpu_of(pid):
    """Return the CPU seconds of a process with one thread, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def measure(pid, ws, route, count):
    """Return the CPU microseconds of a message."""
    text = json.dumps({"action": route, "text": "x" * 200})
    before = cpu_of(pid)
    for _ in range(count // WINDOW):
        for _ in range(WINDOW):
            ws.send(text)
        for _ in range(WINDOW):
            ws.recv()
    return (cpu_of(pid) - before) / count * 1e6


def compare(gateways, route, count):
    """Return the CPU time of a message without the inspector, and this time multiplied by the median ratio."""
    found = []
    for number in range(ROUNDS):
        one = {}
        for way in sorted(gateways, reverse=number % 2 == 1):
            one[way] = measure(*gateways[way], route, count)
        found.append(one)
    without = median(one["without"] for one in found)
    return without, without * median(one["with"] / one["without"] for one in found)


def main():
    port, count = map(int, sys.argv[1:])
    figures = {}
    with contextlib.ExitStack() as stack:
        gateways = {}
        for way, options in (("without", ["--no-inspector"]), ("with", [])):
            pid, url = stack.enter_context(gateway(*options))
            gateways[way] = pid, stack.enter_context(connect(make_api(url, port)))
        for route in ("proxy", "mock"):
            # Fill the ring of the inspector before measuring.
            for way in gateways:
                measure(*gateways[way], route, 4_000)
            figures[f"{route} without"], figures[f"{route} with"] = compare(gateways, route, count)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
