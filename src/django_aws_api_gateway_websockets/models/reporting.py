"""Signals, and sends whose caller does not wait: after the commit, or in the background."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any, Callable

from django.db import models, transaction
from django.dispatch import Signal

from .. import signals
from ..delivery import DeliveryReport
from ..signals import message_delivered

logger = logging.getLogger("django_aws_api_gateway_websockets.delivery")


def after_commit(send: Callable[[], Any], model: type[models.Model], using: str) -> None:
    """Run ``send`` after the transaction of the database ``using`` is committed, but not after a rollback.

    The work is saved by then, so a failure is logged and not raised.
    """
    transaction.on_commit(partial(_send_and_announce, send, model), using=using)


def _send_and_announce(send: Callable[[], Any], model: type[models.Model]) -> None:
    try:
        report = send()
    except Exception:
        logger.exception("A message was not sent after the commit")
    else:
        if isinstance(report, DeliveryReport):
            announce(model, report)


def announce(
    model: type[models.Model], report: DeliveryReport, broadcast: str | None = None, chunk: int = 1, chunks: int = 1
) -> None:
    """Log ``report`` and send it as the signal ``message_delivered``."""
    level = logging.INFO if report.complete else logging.WARNING
    of = f"broadcast {broadcast}, chunk {chunk} of {chunks}" if broadcast else "after the commit"
    logger.log(level, "Message delivered (%s): %s", of, report)
    send_signal(message_delivered, model, report=report, broadcast=broadcast, chunk=chunk, chunks=chunks)


def send_signal(signal: Signal, sender: Any, **arguments: Any) -> None:
    """Send ``signal``. Log the exceptions of its receivers."""
    for receiver, error in signal.send_robust(sender, **arguments):
        if isinstance(error, Exception):
            logger.error("A receiver of %s failed: %r", _name(signal), receiver, exc_info=error)


def _name(signal: Signal) -> str:
    return next((name for name in signals.__all__ if getattr(signals, name) is signal), "a signal")
