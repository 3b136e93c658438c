"""``python -m benchmarks.presence_day [--users 10000]``: compare presence with a simulated day of connections.

The script creates its own database and drops it. The default is SQLite. TEST_DATABASE=postgresql or mariadb selects a
server. It exits with 1 if presence counts a user for longer than docs/howto/who-is-online.md says.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import django


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--channels", type=int, default=100)
    parser.add_argument("--joins", type=int, default=5, help="channels of each user")
    parser.add_argument("--step", type=int, default=60, help="seconds between two comparisons")
    arguments = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()

    from django.conf import settings
    from django.db import connection

    from tests import presence_day

    settings.WEBSOCKETS = presence_day.options()
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    started = time.perf_counter()
    try:
        day = presence_day.simulate(
            users=arguments.users, rooms=arguments.channels, joins=arguments.joins, step=arguments.step
        )
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)
    print(f"{arguments.users:,} users, {dict(day.counts)}, in {time.perf_counter() - started:,.0f} s")
    print("\n".join(day.problems[:20]) or "Presence never counted a user for longer than the documentation says.")
    return 1 if day.problems else 0


if __name__ == "__main__":
    sys.exit(main())
