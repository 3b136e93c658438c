"""One way of sending one message to many, in its own process. Prints its figures as JSON.

``python -m benchmarks.fan_out WAY PORT COUNT [--tls]``: ``loop`` and ``threads`` are simple hand-written ways.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor

import django

WAYS = ("loop", "threads", "send_message by boto3", "send_message by curl")


def by_hand(url, sessions, threads):
    """Call an existing boto3 client for each row: in a loop, or with 32 threads."""
    import boto3

    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="not-a-secret",
    )
    data = json.dumps({"hello": "world"}).encode()

    def post(session):
        client.post_to_connection(ConnectionId=session.connection_id, Data=data)

    def run():
        rows = sessions.filter(connected=True)
        if threads == 1:
            for session in rows:
                post(session)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(post, rows))

    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    if options.way.startswith("send_message"):
        os.environ["BENCH_TRANSPORT"] = "curl" if options.way.endswith("curl") else "boto3"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()

    from benchmarks.rows import make_sessions

    gateway = make_sessions(f"{'wss' if options.tls else 'ws'}://127.0.0.1:{options.port}/a1b2", options.count)
    sessions = gateway.sessions.all()
    if options.way.startswith("send_message"):

        def run():
            report = sessions.send_message({"hello": "world"})
            assert len(report.sent) == options.count, report

        first = sessions[:1].get()
        first.send_message({})
    else:
        run = by_hand(gateway.connections_url, sessions, 1 if options.way == "loop" else 32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, cpu = time.perf_counter(), time.process_time()
    run()
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "rate": options.count / elapsed,
                "cpu": cpu / options.count * 1e6,
                "memory": (peak - before) / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
