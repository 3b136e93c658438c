"""Signals of this package.

They are sent after the commit of the change that they report, except ``message_failed``. An exception in a receiver is
logged, and has no other effect.
"""

from __future__ import annotations

from django.dispatch import Signal

__all__ = [
    "message_delivered",
    "message_failed",
    "message_received",
    "session_connected",
    "session_disconnected",
    "user_joined",
    "user_left",
    "user_offline",
    "user_online",
]

#: Sent when a send without a waiting caller has ended: a send after the commit, or one chunk of ``enqueue_message``.
#: Arguments: ``report``, a ``DeliveryReport``; ``broadcast``, the id that ``enqueue_message`` returned (None for a send
#: after the commit); ``chunk`` and ``chunks``, the number of the chunk, starting at 1, and the number of chunks.
message_delivered = Signal()

#: Sent when the view has accepted a connection, when a hand-over has replaced a connection with a new one, and when a
#: row that was closed by mistake is opened again. Argument: ``session``, the row. A new connection cannot receive
#: messages yet, because API Gateway opens it when the view's answer arrives.
session_connected = Signal()

#: Sent once for each connection that has ended. Arguments: ``session``, its row; ``reason``, one of ``ClosedReason``.
#: The row may have been deleted meanwhile. The signal is not sent for a connection that was refused on connect.
session_disconnected = Signal()

#: Sent when a handler has answered a message. The sender is the view's class. Arguments: ``session``; ``handler``, the
#: name of the method; ``status``, the HTTP status of its answer. The signal is not sent for beats
#: and joins of ``GatewaySocket``.
message_received = Signal()

#: Sent when a handler has raised any exception, even one that refuses the message. The sender is the view's class.
#: Arguments: ``session``; ``handler``, the name of the method; ``exception``. It is sent at once. With
#: ``ATOMIC_REQUESTS``, the writes of a receiver are therefore rolled back.
message_failed = Signal()

#: Sent when a user has the first connection in a channel. The sender is the user model.
#: Arguments: ``user``, ``channel_name``.
user_joined = Signal()

#: Sent when a user has been absent from a channel for ``PRESENCE_GRACE`` seconds, or was deleted. The sender is the
#: user model. Arguments: ``user``, ``channel_name``.
user_left = Signal()

#: Sent when a user opens the first connection. The sender is the user model. Argument: ``user``.
user_online = Signal()

#: Sent when a user has had no connection for ``PRESENCE_GRACE`` seconds, or was deleted. The sender is the user model.
#: Argument: ``user``.
user_offline = Signal()
