"""Signals of this package."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["message_delivered"]

#: A send that nobody waited for has ended: one after the commit, or one chunk of ``enqueue_message``.
#: Arguments: ``report``, a ``DeliveryReport``; ``broadcast``, the id that ``enqueue_message`` returned (None for
#: a send after the commit); ``chunk`` and ``chunks``, the chunk's number from 1 and how many there are.
message_delivered = Signal()
