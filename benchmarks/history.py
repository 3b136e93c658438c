"""Compare ``publish`` with a plain INSERT of the same row, with one client and with eight. Prints Markdown.

``TEST_DATABASE=postgresql python -m benchmarks.history [--seconds 4]``. It creates its own database and drops it.
The ways are:

- insert: an autocommit INSERT of the row, or in ``atomic()`` on MariaDB
- number: the part of ``publish()`` that writes the row and gives it an offset
- by hand: ``select_for_update()``, ``save()`` of the counter and ``create()``
- insert and send: the INSERT, followed by ``in_channel(…).send_message(…)``. The channel has no recipients
- publish: all of ``publish()``, which sends too
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import time
from contextlib import nullcontext

BODY = {"type": "said", "text": "A message of about a hundred bytes, as people write them to each other in a chat."}
ROUNDS = 20
#: Each way, and the way that it is compared with.
WAYS = {"insert": "", "number": "insert", "by hand": "insert", "insert and send": "", "publish": "insert and send"}


def prepare():
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.conf import settings

    settings.WEBSOCKETS = {"HISTORY": {"room-*": {"size": 1_000_000}}}


def way(name, names):
    """Return a function that writes one message to a channel."""
    from django.db import connection, transaction

    from django_aws_api_gateway_websockets.history import publish
    from django_aws_api_gateway_websockets.history.frames import encoded_body
    from django_aws_api_gateway_websockets.history.numbering import NewMessage, number
    from django_aws_api_gateway_websockets.models import ChannelHistory, HistoryMessage, WebSocketSession

    histories = {one.channel_name: one.pk for one in ChannelHistory.objects.filter(channel_name__in=names)}
    fields = [field for field in HistoryMessage._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    sql = f"INSERT INTO {HistoryMessage._meta.db_table} ({columns}) VALUES ({', '.join(['%s'] * len(fields))})"
    # No other process uses these offsets.
    offsets = iter(range(random.randrange(10**6, 10**9) * 10**6, 10**18))
    around = transaction.atomic if connection.vendor == "mysql" else nullcontext

    def row(channel, offset):
        given = NewMessage(channel, encoded_body(BODY)).fields()
        return HistoryMessage(history_id=histories[channel], offset=offset, tag="0123abcd", **given)

    def insert(channel):
        one = row(channel, next(offsets))
        with around(), connection.cursor() as cursor:
            cursor.execute(sql, [field.get_db_prep_save(getattr(one, field.attname), connection) for field in fields])

    def insert_and_send(channel):
        insert(channel)
        WebSocketSession.objects.in_channel(channel).send_message(BODY)

    def by_hand(channel):
        with transaction.atomic():
            history = ChannelHistory.objects.select_for_update().get(channel_name=channel)
            history.last_offset += 1
            history.save()
            row(channel, history.last_offset).save(force_insert=True)

    return {
        "insert": insert,
        "number": lambda channel: number(NewMessage(channel, encoded_body(BODY)), "default"),
        "by hand": by_hand,
        "insert and send": insert_and_send,
        "publish": lambda channel: publish(channel, BODY),
    }[name]


def work(database, seconds, start, names, counts):
    """Run one client, which writes in each way in turn, at the same time as the other clients."""
    prepare()
    from django.conf import settings
    from django.db import connection

    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = database
    ways = {name: way(name, names) for name in WAYS}
    done = dict.fromkeys(WAYS, 0)
    for write in ways.values():
        write(random.choice(names))
    # Many short rounds, because a machine's speed changes with time.
    for _ in range(ROUNDS):
        for name, write in ways.items():
            start.wait()
            until = time.monotonic() + seconds / ROUNDS
            while time.monotonic() < until:
                write(random.choice(names))
                done[name] += 1
    counts.put(done)


def rates(database, clients, names, seconds):
    """Return the messages per second of each way, for all clients together."""
    context = multiprocessing.get_context("spawn")
    start, counts = context.Barrier(clients), context.Queue()
    arguments = (database, seconds, start, names, counts)
    workers = [context.Process(target=work, args=arguments) for _ in range(clients)]
    for worker in workers:
        worker.start()
    found = [counts.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    return {name: sum(one[name] for one in found) / seconds for name in WAYS}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0, help="the time for each figure")
    options = parser.parse_args()
    prepare()
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    from django_aws_api_gateway_websockets.history import publish

    created = setup_databases(verbosity=0, interactive=False)
    try:
        print("\n## Publish with a history\n")
        print(
            "| database | clients | channels | INSERT | numbered | ratio | by hand | ratio | INSERT and send | publish "
            "| ratio |"
        )
        print(f"|---|{'--:|' * 10}")
        for clients in (1, 8):
            for channels in (1, 100):
                names = [f"room-{number}" for number in range(channels)]
                for name in names:
                    publish(name, BODY)
                found = rates(connection.settings_dict["NAME"], clients, names, options.seconds)
                cells = [connection.display_name, f"{clients}", f"{channels}"]
                for way, other in WAYS.items():
                    cells.append(f"{found[way]:,.0f}")
                    if other:
                        cells.append(f"{found[way] / found[other]:.2f}")
                print(f"| {' | '.join(cells)} |", flush=True)
    finally:
        teardown_databases(created, verbosity=0)


if __name__ == "__main__":
    main()
