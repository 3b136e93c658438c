"""The clean-up of the histories: publish messages that a crash left unpublished, and delete old messages."""

from __future__ import annotations

from typing import NamedTuple

from django.db import router

from ..models import ChannelHistory, HistoryMessage, WaitingMessage
from .publishing import publish_waiting
from .retention import limits_of, trim


class Swept(NamedTuple):
    """The result of a clean-up of the histories."""

    published: int = 0  #: messages that a crash had left unpublished
    trimmed: int = 0  #: messages that were deleted because they were beyond the limits of their history


def sweep() -> Swept:
    """Publish the waiting messages of committed transactions, and trim every history."""
    using = router.db_for_write(HistoryMessage)
    waiting = WaitingMessage.objects.using(using).values_list("channel_name", flat=True)
    published = sum(publish_waiting(name, using) for name in waiting.order_by("channel_name").distinct())
    trimmed = 0
    histories = ChannelHistory.objects.using(using)
    for pk in list(histories.values_list("pk", flat=True)):
        history = histories.filter(pk=pk).first()
        if history is not None:
            trimmed += _trim_all(history, using)
    return Swept(published, trimmed)


def _trim_all(history: ChannelHistory, using: str) -> int:
    trimmed, deleted = 0, trim(history, using)
    while deleted:
        trimmed += deleted
        deleted = trim(history, using)
    if limits_of(history.channel_name) is None:
        history.delete()
    return trimmed
