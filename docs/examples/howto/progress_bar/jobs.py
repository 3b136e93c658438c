import time

from django.contrib.auth import get_user_model

from django_aws_api_gateway_websockets.models import WebSocketSession

SECONDS_BETWEEN_MESSAGES = 0.5


def build_report(user_pk, rows):
    """The long job. Run it in a task of Celery or of Django, not in a request."""
    progress = Progress(get_user_model().objects.get(pk=user_pk), len(rows))
    for number, row in enumerate(rows, 1):
        process(row)
        progress.show(number)


class Progress:
    """Shows a user's tabs how far a job is, at most twice per second and at the end."""

    def __init__(self, user, total):
        self.sessions = WebSocketSession.objects.for_user(user)
        self.total = total
        self.last = float("-inf")

    def show(self, done):
        now = time.monotonic()
        if done < self.total and now - self.last < SECONDS_BETWEEN_MESSAGES:
            return
        self.last = now
        self.sessions.send_message({"type": "progress", "done": done, "total": self.total})


def process(row):
    """Your own work on one row."""
