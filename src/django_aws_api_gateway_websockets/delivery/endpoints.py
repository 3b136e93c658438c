"""Whether a failure is one recipient's or everybody's at one endpoint."""

from __future__ import annotations

from ..exceptions import AwsError, SendTimedOut, WebSocketsError

#: First tries that fail in a row until the endpoint counts as broken. They come in the order of the recipients.
STREAK = 50
# What @connections says of one connection: gone, message too large, throttled. A wrong endpoint answers anything else.
_OF_ONE = (410, 413, 429)


class Endpoint:
    """One connections URL during a send: once everybody there fails, nobody else is tried there."""

    __slots__ = ("broken", "has_answered", "last_error", "streak")

    def __init__(self, broken: WebSocketsError | None) -> None:
        self.broken = self.last_error = broken
        self.has_answered = False
        self.streak = 0

    def failed(self, error: AwsError, *, first: bool, final: bool) -> None:
        """Note the failure of a target's first try, of its last one, or of both in one."""
        if error.status in _OF_ONE:
            self.has_answered, self.streak = True, 0
            return
        # Targets that hang are the last ones to finish, so they come in a row.
        self.streak += first and not (isinstance(error, SendTimedOut) and self.has_answered)
        if final:
            self.last_error = error
            self.broken = self.broken or (error if self.streak >= STREAK else None)
