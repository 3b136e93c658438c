"""Signals of this package."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["message_delivered"]

#: Sent when a send without a waiting caller has ended: a send after the commit, or one chunk of ``enqueue_message``.
#: Arguments: ``report``, a ``DeliveryReport``; ``broadcast``, the id that ``enqueue_message`` returned (None for a send
#: after the commit); ``chunk`` and ``chunks``, the number of the chunk, starting at 1, and the number of chunks.
message_delivered = Signal()
