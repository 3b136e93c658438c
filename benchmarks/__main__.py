"""``make bench``: all figures of the package beside hand-written code, in one run, as Markdown.

``python -m benchmarks [--quick]``. The client runs on the first core, the server that stands for AWS on the last.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median

from .fan_out import WAYS

ROOT = Path(__file__).parent.parent
#: Rows for each way: as many as it sends in some seconds.
COUNTS = dict(zip(WAYS, (500, 2_000, 4_000, 20_000)))


def run(module, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@contextmanager
def sink(latency, certificate=None, body=""):
    command = [sys.executable, "-m", "benchmarks.sink", "--latency", str(latency), "--body", body]
    if certificate:
        command += ["--tls", certificate]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


@contextmanager
def certificate():
    import trustme

    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as folder:
        server, bundle = Path(folder, "server.pem"), Path(folder, "ca.pem")
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(server))
        authority.cert_pem.write_to_path(str(bundle))
        yield str(server), str(bundle)


def fan_out(quick):
    print("\n## One message to many\n")
    print("| latency | way | messages per second | times the loop | CPU per message | memory |")
    print("|---|---|--:|--:|--:|--:|")
    with certificate() as (server, bundle):
        for latency, tls in ((0, False), (10, False), (0, True), (10, True)):
            with sink(latency, server if tls else None) as port:
                found = fan_out_to(port, bundle, rounds=1 if quick else 3, share=4 if quick else 1, tls=tls)
            for way, figures in found.items():
                print(
                    f"| {latency} ms{', TLS' if tls else ''} | {way} | {figures['rate']:,.0f} "
                    f"| {figures['rate'] / found['loop']['rate']:.1f} | {figures['cpu']:.0f} µs "
                    f"| {figures['memory']:.0f} MB |",
                    flush=True,
                )


def fan_out_to(port, bundle, rounds, share, tls):
    """Return the medians of some rounds. Each round measures every way, because a machine's speed changes with time."""
    found = {way: [] for way in COUNTS}
    for _ in range(rounds):
        for way, count in COUNTS.items():
            arguments = [way, port, count // share, *(["--tls"] if tls else [])]
            found[way].append(run("fan_out", *arguments, AWS_CA_BUNDLE=bundle))
    return {
        way: {name: median(one[name] for one in measured) for name in measured[0]} for way, measured in found.items()
    }


def single():
    print("\n## One message to one\n\n| way | CPU | times post_to_connection |\n|---|--:|--:|")
    with sink(0) as port:
        figures = run("single", port, 400)
    for way, cpu in figures.items():
        print(f"| {way} | {cpu:.0f} µs | {cpu / figures['post_to_connection']:.2f} |", flush=True)


def receive(databases):
    print("\n## A message through the view\n")
    print("| database | bare view | WebSocketView | ratio | checks | share of the view |\n|---|--:|--:|--:|--:|--:|")
    for name in databases:
        figures = run("receive", 3000, BENCH_DATABASE={"SQLite": ":memory:", "PostgreSQL": "postgresql"}[name])
        ratio = figures["view"] / figures["bare"]
        print(
            f"| {name} | {figures['bare']:.0f} µs | {figures['view']:.0f} µs | {ratio:.2f} "
            f"| {figures['checks']:.0f} µs | {figures['checks'] / figures['view']:.0%} |",
            flush=True,
        )


def stream(count):
    figures = run("stream", count)
    print(f"\n## {count:,} rows\n\n{figures['rate']:,.0f} targets per second, {figures['memory']:.0f} MB more memory.")


def inspector(count):
    print("\n## The inspector of the local gateway\n")
    print("| integration | without | with | cost |\n|---|--:|--:|--:|")
    with sink(0, body="done") as port:
        figures = run("inspector", port, count)
    for route in ("proxy", "mock"):
        without, watched = figures[f"{route} without"], figures[f"{route} with"]
        print(f"| {route} | {without:.0f} µs | {watched:.0f} µs | {watched / without - 1:.1%} |", flush=True)


def tables_of(module):
    """Print the tables of a module that needs a database server."""
    environment = {"TEST_DATABASE": "postgresql", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}"], cwd=ROOT, env={**os.environ, **environment}, check=True
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a quarter of the messages, a tenth of the rows")
    parser.add_argument("--postgresql", action="store_true", help="the database websockets_bench exists")
    options = parser.parse_args()
    names = ("Django", "boto3", "pycurl")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores, {platform.machine()}")
    fan_out(options.quick)
    single()
    receive(["SQLite", *(["PostgreSQL"] if options.postgresql else [])])
    stream(100_000 if options.quick else 1_000_000)
    inspector(160 if options.quick else 480)
    if options.postgresql:
        tables_of("history")
        tables_of("presence")


if __name__ == "__main__":
    main()
