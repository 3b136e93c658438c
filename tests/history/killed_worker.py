"""``python -m tests.history.killed_worker`` starts workers that are killed between their commit and the numbering.

It reads one number per line. For each, it starts a worker that publishes the number, and writes the exit status.
"""

from __future__ import annotations

import os
import signal
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.history.storm_settings")
django.setup()

from django.db import transaction  # noqa: E402

from django_aws_api_gateway_websockets.history import publish  # noqa: E402


def work(number):
    with transaction.atomic():
        # Django calls this function first after the commit. publish() registers its own function later.
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        publish("room-1", {"n": number})


if __name__ == "__main__":
    for line in sys.stdin:
        child = os.fork()
        if not child:
            work(int(line))
            os._exit(0)
        sys.stdout.write(f"{os.waitpid(child, 0)[1]}\n")
        sys.stdout.flush()
