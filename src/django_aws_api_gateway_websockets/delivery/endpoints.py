"""Decide whether a failure concerns one recipient or all recipients at an endpoint."""

from __future__ import annotations

from ..exceptions import AwsError, SendTimedOut, WebSocketsError

#: How many first tries in a row must fail before the endpoint counts as broken. They come in the recipients' order.
STREAK = 50
# The errors that @connections answers about a single connection: gone, message too large, throttled. A wrong endpoint
# answers with any other error.
_OF_ONE = (410, 413, 429)


class Endpoint:
    """One connections URL during a send. If all recipients fail, no further recipient is tried."""

    __slots__ = ("broken", "has_answered", "last_error", "streak")

    def __init__(self, broken: WebSocketsError | None) -> None:
        self.broken = self.last_error = broken
        self.has_answered = False
        self.streak = 0

    def failed(self, error: AwsError, *, first: bool, final: bool) -> None:
        """Note that a target's first try failed, its last try, or both."""
        if error.status in _OF_ONE:
            self.has_answered, self.streak = True, 0
            return
        # Targets that hang finish last, so their failures are consecutive.
        self.streak += first and not (isinstance(error, SendTimedOut) and self.has_answered)
        if final:
            self.last_error = error
            self.broken = self.broken or (error if self.streak >= STREAK else None)
