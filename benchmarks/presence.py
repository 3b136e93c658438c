"""``python -m benchmarks.presence [--rows 200000]``: print the times of presence queries, as Markdown.

Set TEST_DATABASE to postgresql or mariadb. The script creates its own database and drops it.
"""

from __future__ import annotations

import argparse
import os
import time

import django


def fill(rows):
    """Make ``rows`` sessions of 10,000 users. One in ten is open, and 1,000 open ones are in the channel "Busy"."""
    from datetime import timedelta

    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.utils import timezone

    from django_aws_api_gateway_websockets.models import ApiGateway, ChannelMembership, WebSocketSession

    from .scale_database import execute, is_postgresql

    call_command("migrate", verbosity=0)
    users = get_user_model()
    users.objects.bulk_create([users(username=f"user{n}") for n in range(10_000)], batch_size=1000)
    gateway = ApiGateway.objects.create(api_name="scale", target_base_endpoint="https://testserver/ws/")
    keys = list(users.objects.values_list("pk", flat=True))
    now = timezone.now()
    for start in range(0, rows, 5000):
        made = WebSocketSession.objects.bulk_create(
            WebSocketSession(
                connection_id=f"connection{number}=",
                channel_name=f"Room {number % 1000}",
                user_id=keys[number * 7 % len(keys)],
                api_gateway=gateway,
                connected=number % 10 == 0,
                protocol_version=number // 10 % 2,
            )
            for number in range(start, min(start + 5000, rows))
        )
        if start == 0:
            WebSocketSession.objects.filter(connected=True).update(channel_name="Busy")
        elif start == 5000:
            ChannelMembership.objects.bulk_create(
                ChannelMembership(session=session, channel_name="Busy") for session in made if session.connected
            )
    WebSocketSession.objects.filter(connected=False).update(created_on=now - timedelta(hours=5))
    for model in (WebSocketSession, ChannelMembership, users):
        table = model._meta.db_table
        execute(f"VACUUM ANALYZE {table}" if is_postgresql() else f"ANALYZE TABLE {table}")


def report(question, ask, times):
    """Print the best time of ``ask`` in ``times`` runs, and the best CPU time of this process."""
    found = []
    for _ in range(times):
        started, cpu = time.perf_counter(), time.process_time()
        ask()
        found.append((time.perf_counter() - started, time.process_time() - cpu))
    wall, cpu = (min(one) * 1000 for one in zip(*found))
    print(f"| {question} | {wall:,.2f} ms | {cpu:,.2f} ms |", flush=True)


def questions():
    from django.contrib.auth import get_user_model

    from django_aws_api_gateway_websockets.models import WebSocketSession
    from django_aws_api_gateway_websockets.models.announced import AnnouncedUser
    from django_aws_api_gateway_websockets.models.departures import find_departures
    from django_aws_api_gateway_websockets.presence import is_online, online, presence
    from django_aws_api_gateway_websockets.signals import user_left

    found = presence("Busy")
    report(
        f"presence of a channel with {sum(found.users.values()):,} connections of {len(found.users):,} users",
        lambda: presence("Busy"),
        30,
    )
    users = get_user_model().objects
    report(f"of which Django creates {len(found.users):,} users", lambda: list(users.all()[: len(found.users)]), 30)
    everybody = list(get_user_model().objects.all()[:100])
    report(f"online: 100 users, {len(online(everybody))} of them online", lambda: online(everybody), 50)
    query = get_user_model().objects.filter(pk__lte=everybody[-1].pk)
    report("online: a queryset of 100 users", lambda: online(query.all()), 50)
    report("is_online: one user", lambda: is_online(everybody[3]), 50)

    def hear(**kwargs):
        pass

    user_left.connect(hear)
    rows = WebSocketSession.objects.filter(connected=True)
    there = set(rows.values_list("user", "channel_name"))
    AnnouncedUser.objects.bulk_create(
        [AnnouncedUser(user_id=user, channel_name=name) for user, name in there], batch_size=5000
    )
    count = AnnouncedUser.objects.count()
    report(f"the clean-up looks for absent users among {count:,}", lambda: find_departures(rows.all()), 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    arguments = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()

    from .scale_database import database, is_postgresql

    with database():
        fill(arguments.rows)
        kind = "PostgreSQL" if is_postgresql() else "MariaDB"
        print(f"\n## Presence\n\n| {arguments.rows:,} rows on {kind} | time | CPU of Python |\n|---|--:|--:|")
        questions()


if __name__ == "__main__":
    main()
