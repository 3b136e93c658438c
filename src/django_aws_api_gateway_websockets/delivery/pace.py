"""How fast to send: a budget per second, adjusted when AWS answers 429.

A 429 means that the account's requests are used up, or that one client does not read (botocore's model of
PostToConnection). The answers for other recipients distinguish the two cases, and so does the next try, because a
slow client refuses again. Against an account's limit, the pace follows TCP: multiplicative decrease, and additive
increase after a slow start.
"""

from __future__ import annotations

from math import inf, log2

#: A 429 counts as the account's limit if at least this many of the latest answers are 429, and at least this share of
#: them. It also counts if this many more of the refused recipients got through at their next try than did not.
_ENOUGH, _SHARE, _LATEST, _RECOVERED = 8, 0.2, 200, 3
#: The pace is multiplied by this factor, and doubles again after this many seconds. Its floor is in sends per second.
_DECREASE, _DOUBLED, _SLOWEST = 0.5, 2.0, 10.0
#: Seconds without sends after a decrease, and seconds of nothing but refusals after which a send gives up.
_PAUSE, _PATIENCE = 0.1, 6.0


class Pace:
    """How many sends may start now. Times are ``time.monotonic()``; the budget is in sends per second."""

    def __init__(self, budget: float | None, now: float) -> None:
        self._budget = inf if budget is None else budget
        self._base = self._known = inf  # the pace after the last decrease, and after the last one that sent anything
        self._since = self._refilled = self._last = now  # times of the last decrease, refill, and answer other than 429
        self._tokens = 1.0
        self._answers = self._refusals = 0.0  # the latest
        self._through = 0  # answers other than 429 since the last decrease
        self._recovered = 0
        self.throttled = False  # whether the account is at its limit
        self.is_hopeless = False  # whether the account takes nothing, however long the send waits

    def take(self, now: float, most: int) -> int:
        """Return how many of ``most`` sends may start now, and count them as started."""
        rate = self._rate(now)
        if rate == inf:
            return most
        # Start at most what is due in a tenth of a second, so that the budget also holds over short spans.
        self._tokens = min(max(1.0, rate / 10), self._tokens + max(0.0, now - self._refilled) * rate)
        self._refilled = max(now, self._refilled)
        taken = min(most, int(self._tokens))
        self._tokens -= taken
        return taken

    def accepted(self, count: int, now: float) -> None:
        """Note ``count`` answers that were not 429."""
        if self._base == inf and not self._through:
            self._since = now  # The pace is measured from here.
        self._last = now
        self._through += count
        self._note(count, 0, now)

    def refused(self, now: float, *, again: bool) -> None:
        """Note a 429; ``again`` if this recipient's last answer was 429 too."""
        self._recovered -= again
        if again and not self.throttled:
            return  # A client that refuses twice does not indicate the account's limit.
        self._note(1, 1, now)
        if self._refusals >= max(_ENOUGH, _SHARE * self._answers):
            self._decrease(now)
        self.is_hopeless = self.throttled and now - self._last >= _PATIENCE

    def recovered(self) -> None:
        """Note that a refused recipient got through."""
        self._recovered += 1
        self.throttled = self.throttled or self._recovered >= _RECOVERED

    def _rate(self, now: float) -> float:
        if self._base == inf:
            return self._budget
        doublings = max(0.0, now - self._since) / _DOUBLED
        slow_start = min(log2(self._known / self._base), doublings)
        return min(self._budget, self._base * 2**slow_start * (1 + doublings - slow_start))

    def _note(self, answers: int, refusals: int, now: float) -> None:
        if now >= self._since:
            forget = min(1.0, _LATEST / (self._answers + answers))  # Discard some of the older answers.
            self._answers = (self._answers + answers) * forget
            self._refusals = (self._refusals + refusals) * forget

    def _decrease(self, now: float) -> None:
        rate = self._rate(now)
        measured = self._through / max(now - self._since, 0.001)
        self._base = max(_SLOWEST, _DECREASE * (measured if rate == inf else rate))
        self._known = self._base if self._through else self._known
        self._since = self._refilled = now + _PAUSE
        self._tokens = self._answers = self._refusals = self._through = 0
        self.throttled = True
