"""The examples on docs/reference/signals.md."""

from __future__ import annotations

import logging

from django.dispatch import receiver

from django_aws_api_gateway_websockets.signals import message_failed, session_disconnected

logger = logging.getLogger(__name__)


@receiver(session_disconnected, dispatch_uid="log_kicks")
def log_kicks(sender, session, reason, **kwargs):
    if reason == "kicked":
        logger.warning("%s was removed from %r", session.user, session.channel_name)


@receiver(message_failed, dispatch_uid="log_failures")
def log_failures(sender, session, handler, exception, **kwargs):
    logger.error("%s of %s failed: %r", handler, sender.__name__, exception)
