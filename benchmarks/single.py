"""One message to one connection: send_message and post_to_connection in turn, on one core. Prints JSON.

``python -m benchmarks.single PORT COUNT``
"""

from __future__ import annotations

import json
import os
import sys
import time

import django


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()

    import boto3
    from django.test import override_settings

    from benchmarks.rows import make_sessions

    gateway = make_sessions(f"ws://127.0.0.1:{port}/a1b2", 1)
    session = gateway.sessions.select_related("api_gateway").get()

    def client():
        return boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=gateway.connections_url,
            region_name="eu-west-1",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="not-a-secret",
        )

    existing = client()

    def post(client):
        client.post_to_connection(ConnectionId=session.connection_id, Data=json.dumps({"hello": "world"}).encode())

    def ours(transport):
        with override_settings(WEBSOCKETS={"SEND_TRANSPORT": transport}):
            session.send_message({"hello": "world"})  # settings that change make it look everything up again
            started = time.process_time()
            for _ in range(20):
                session.send_message({"hello": "world"})
            return time.process_time() - started

    def theirs(get_client, times=20):
        started = time.process_time()
        for _ in range(times):
            post(get_client())
        return (time.process_time() - started) * 20 / times

    ways = {
        "post_to_connection": lambda: theirs(lambda: existing),
        "a new client for each": lambda: theirs(client, 1),
        "send_message by boto3": lambda: ours("boto3"),
        "send_message by curl": lambda: ours("curl"),
    }
    seconds = dict.fromkeys(ways, float("inf"))
    for way in ways.values():
        way()
    for _ in range(count // 20):
        # Take the best of many short rounds, because other work on the machine only adds time.
        for name, way in ways.items():
            seconds[name] = min(seconds[name], way())
    print(json.dumps({name: total / 20 * 1e6 for name, total in seconds.items()}))


if __name__ == "__main__":
    main()
