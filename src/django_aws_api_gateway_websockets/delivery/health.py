"""Whether a failure is one recipient's or everybody's."""

from __future__ import annotations

from ..exceptions import AwsError, SendTimedOut, WebSocketsError

#: So many failures in a row, and no answer between them, are the endpoint's and not the recipients'.
STREAK = 50


def is_own(error: AwsError) -> bool:
    """Whether the answer concerns this recipient only: a malformed id, a message too large for it."""
    return error.status is not None and 400 <= error.status < 500 and error.status not in (401, 403)


class Endpoints:
    """The failures of each connections URL: where everyone fails, nobody else is tried."""

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

    def fails(self, url: str, error: AwsError) -> None:
        """A call to ``url`` failed for good, in a way that could hit everybody."""
        self._last[url] = error
        if isinstance(error, SendTimedOut) and url in self._answered:
            return  # The ones that hang are the last to finish, so they come in a row.
        self._streaks[url] = self._streaks.get(url, 0) + 1
        if self._streaks[url] >= STREAK:
            self.broken.setdefault(url, error)

    def gives_up(self, url: str, error: WebSocketsError) -> None:
        """Nothing can be sent to ``url`` at all."""
        self.broken[url] = error

    def verdict(self) -> WebSocketsError | None:
        """The error of everybody: None where an endpoint works, or nothing went wrong."""
        if self._answered - set(self.broken):
            return None
        return next(iter((*self.broken.values(), *self._last.values())), None)
