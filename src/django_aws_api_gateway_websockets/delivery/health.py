"""Whether a failure is one recipient's or everybody's."""

from __future__ import annotations

from ..exceptions import AwsError, SendTimedOut, WebSocketsError

#: So many failures in a row, and no answer between them, are the endpoint's and not the recipients'.
STREAK = 50


# What @connections says of one connection: gone, too large for it, its client or the account is throttled. Anything
# else, a 400 or 404 too, could be a wrong endpoint's answer to everybody.
_OWN = (410, 413, 429)


def is_own(error: AwsError) -> bool:
    """Whether the answer is surely one of ``@connections``, about this recipient only."""
    return error.status in _OWN


class Endpoints:
    """The failures of each connections URL: where everyone fails, nobody else is tried.

    First tries come as the recipients do, so a streak of them says something of the endpoint. Those that are tried
    again come together, for no other reason than that each failed before.
    """

    def __init__(self) -> None:
        self.broken: dict[str, WebSocketsError] = {}
        self._answered: set[str] = set()
        self._streaks: dict[str, int] = {}
        self._last: dict[str, AwsError] = {}

    def works(self, url: str) -> None:
        """``url`` answered as it should."""
        self._answered.add(url)
        if self._streaks:
            self._streaks.pop(url, None)

    def refuses(self, url: str, error: AwsError) -> None:
        """A first call failed, in a way that could hit everybody."""
        if isinstance(error, SendTimedOut) and url in self._answered:
            return  # The ones that hang are the last to finish, so they come in a row.
        self._streaks[url] = self._streaks.get(url, 0) + 1

    def fails(self, url: str, error: AwsError) -> None:
        """A recipient failed for good, in a way that could hit everybody."""
        self._last[url] = error
        if self._streaks.get(url, 0) >= STREAK:
            self.broken.setdefault(url, error)

    def gives_up(self, url: str, error: WebSocketsError) -> None:
        """Nothing can be sent to ``url`` at all."""
        self.broken[url] = error

    def verdict(self) -> WebSocketsError | None:
        """The error of everybody: None where anyone at all was answered, or nothing went wrong."""
        if self._answered:
            return None
        return next(iter((*self.broken.values(), *self._last.values())), None)
