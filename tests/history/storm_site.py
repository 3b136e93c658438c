"""The site of test_storm_of_processes.py: its URLs, and ``python -m tests.history.storm_site``, its worker."""

from __future__ import annotations

import os
import sys
import threading
from functools import wraps

if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.history.storm_settings")
    django.setup()

from django.db import transaction
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from django_aws_api_gateway_websockets.history import publish
from django_aws_api_gateway_websockets.views import WebSocketView

#: Limits the requests that run at once, like the workers of a WSGI server. Each one uses a database connection.
WORKERS = threading.BoundedSemaphore(16)


class Rollback(Exception):
    pass


def say(number, channels):
    """Publish a message in one of three ways. You can repeat it after a crash, because the id prevents duplicates."""
    name, data, message_id = f"room-{number // 2 % channels}", {"n": number}, f"m-{number}"
    if number % 3 == 0:
        publish(name, data, message_id=message_id)
        return
    if number % 3 == 1:
        try:
            with transaction.atomic():
                publish(name, {"n": -number})
                raise Rollback
        except Rollback:
            pass
    with transaction.atomic():
        publish(name, data, message_id=message_id)


@csrf_exempt
def publish_one(request, number, channels):
    say(number, channels)
    return HttpResponse("published")


def with_workers(view):
    @wraps(view)
    def answer(request, *args, **kwargs):
        with WORKERS:
            return view(request, *args, **kwargs)

    return answer


urlpatterns = [
    path("ws/<slug:route>", with_workers(WebSocketView.as_view(require_origin=False))),
    path("publish/<int:number>/<int:channels>/", with_workers(publish_one)),
]


def work(numbers, channels):
    """Publish the messages. Print each number after its message was published."""
    for number in numbers:
        say(number, channels)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    first, last, step, channels = map(int, sys.argv[1:])
    work(range(first, last, step), channels)
