"""The part ``history`` of ``make scale``: publish, recovery and trimming with a thousand and a million messages.

Each round measures both sizes, because a machine's speed changes with time.
"""

from __future__ import annotations

import random
import time
from statistics import median

from .scale_database import bytes_of, database, execute, is_postgresql, use

BODY = {"type": "said", "text": "A message of about a hundred bytes, as people write them to each other in a chat."}
SMALL, EACH = 1000, 1000  # messages in the small database, and in each channel
ROUNDS, TIMES = 11, 30
MISSED = 50
TRIMMED = (64, 500)  # what publish() deletes after every 64th message, and the most that one statement deletes


def models():
    from django_aws_api_gateway_websockets.models import ChannelHistory, HistoryMessage

    return ChannelHistory, HistoryMessage


def fill(rows):
    """Create ``rows`` messages, ``EACH`` per channel. The channels take turns, as if all of them were busy."""
    from django.core.management import call_command
    from django.db import connection

    from django_aws_api_gateway_websockets.history.frames import encoded_body

    call_command("migrate", verbosity=0)
    histories, messages = (model._meta.db_table for model in models())
    body, offset = encoded_body(BODY), connection.ops.quote_name("offset")

    def numbers(count):
        if is_postgresql():
            return f"generate_series(1, {count}) AS n(g)"
        return f"(SELECT seq AS g FROM seq_1_to_{count}) AS n"

    execute(
        f"INSERT INTO {histories} (channel_name, epoch, last_offset, last_tag) "
        f"SELECT CONCAT('room-', g), 'e1e1e1e1e1', {EACH}, '0123abcd' FROM {numbers(rows // EACH)} ORDER BY g"
    )
    execute(
        f"INSERT INTO {messages} (history_id, {offset}, tag, excluded, body, size, created_on) "
        f"SELECT h.id, g, '0123abcd', '', %s, {len(body)}, CURRENT_TIMESTAMP "
        f"FROM {numbers(EACH)} CROSS JOIN {histories} h ORDER BY g, h.id",
        [body],
    )
    for table in (histories, messages):
        execute(f"VACUUM ANALYZE {table}" if is_postgresql() else f"ANALYZE TABLE {table}")


def channels():
    return [f"room-{number}" for number in range(1, models()[0].objects.count() + 1)]


def publish_one(names):
    from django_aws_api_gateway_websockets.history import publish

    publish(random.choice(names), BODY)


def recover_missed(names):
    from django_aws_api_gateway_websockets.history.recovery import recover

    name = random.choice(names)
    history = models()[0].objects.get(channel_name=name)
    since = f"{history.epoch}:{history.last_offset - MISSED}:"
    tag = history.messages.get(offset=history.last_offset - MISSED).tag
    began = time.perf_counter()
    found = recover({name: since + tag}, set(), "default")[name]
    took = time.perf_counter() - began
    assert len(found.missed) == MISSED
    return took


def milliseconds(work, names):
    """Return the mean time of one call."""
    began = time.perf_counter()
    taken = [work(names) for _ in range(TIMES)]
    whole = time.perf_counter() - began
    return (sum(taken) if None not in taken else whole) / TIMES * 1000


def side_by_side(databases):
    """Return the medians of publish and of recovery, each for both databases."""
    works = (publish_one, recover_missed)
    found = {(work, side): [] for work in works for side in range(len(databases))}
    for _ in range(ROUNDS):
        for side, made in enumerate(databases):
            use(made)
            names = channels()
            for work in works:
                work(names)
                found[work, side].append(milliseconds(work, names))
    return {work: [median(found[work, side]) for side in range(len(databases))] for work in works}


def trimming(count):
    """Return the median and the longest time of a trim that deletes ``count`` messages."""
    from django.conf import settings

    from django_aws_api_gateway_websockets.history.retention import trim

    taken = []
    for history in models()[0].objects.filter(messages__offset=1).order_by("?")[:ROUNDS]:
        settings.WEBSOCKETS = {"HISTORY": {"room-*": {"size": history.last_offset - count - 1}}}
        began = time.perf_counter()
        deleted = trim(history, "default")
        taken.append((time.perf_counter() - began) * 1000)
        assert deleted == count, deleted
    return median(taken), max(taken)


def histories(rows):
    """Print the table of histories. It creates a small and a large database."""
    from django.conf import settings

    settings.WEBSOCKETS = {"HISTORY": {"room-*": {"size": 1_000_000}}}
    with database("_small") as small:
        fill(SMALL)
        with database("_large") as large:
            fill(rows)
            print(f"\n| histories | {SMALL:,} messages | {rows:,} messages | ratio |\n|---|--:|--:|--:|")
            # In MariaDB, the table itself is its primary key.
            indexes = bytes_of(models()[1]._meta.db_table)[1] / rows
            print(f"| indexes, per message | | {indexes:,.0f} bytes | |", flush=True)
            for work, (few, many) in side_by_side([small, large]).items():
                what = {publish_one: "publish", recover_missed: f"recovery of {MISSED} messages"}[work]
                print(f"| {what} | {few:.2f} ms | {many:.2f} ms | {many / few:.2f} |", flush=True)
            use(large)
            for count in TRIMMED:
                typical, longest = trimming(count)
                print(f"| trimming {count} messages | | {typical:.2f} ms, at most {longest:.2f} ms | |", flush=True)
