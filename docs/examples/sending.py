"""Send to one connection, to many, after the commit, from async code, and in the background."""

from __future__ import annotations

import logging

from django.db import transaction
from django.dispatch import receiver

from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.signals import message_delivered

logger = logging.getLogger(__name__)


def tell_room(room: str, text: str) -> list[str]:
    """Send to everyone in a room. Return the connections that are open and did not get the message."""
    report = WebSocketSession.objects.filter(channel_name=room).send_message({"text": text}, deadline=20)
    logger.info("%s: %s", room, report)
    return [*report.slow, *report.throttled, *report.timed_out, *report.not_tried, *report.failed]


def sell(lot, buyer) -> None:
    """Announce a sale once it is committed."""
    with transaction.atomic():
        lot.buyer = buyer
        lot.save()
        WebSocketSession.objects.filter(channel_name="sales").send_message({"sold": lot.pk}, on_commit=True)


def show_progress(job) -> None:
    """Push the progress of a job, which must not end because a push fails."""
    sessions = WebSocketSession.objects.filter(channel_name=f"job-{job.pk}")
    sessions.send_message({"percent": job.percent}, fail_silently=True)


async def greet(session: WebSocketSession) -> None:
    if not await session.asend_message({"hello": "you"}):
        logger.info("%s has left", session)


def announce(text: str) -> str:
    """Let workers send to everyone. Return at once."""
    return WebSocketSession.objects.all().enqueue_message({"announcement": text})


@receiver(message_delivered)
def note(sender, report, broadcast, chunk, chunks, **kwargs) -> None:
    if not report.complete:
        logger.warning("%s, chunk %s of %s: %s", broadcast, chunk, chunks, report)
