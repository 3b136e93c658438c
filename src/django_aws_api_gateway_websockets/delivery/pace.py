"""How fast to send: a budget, and what 429 teaches.

429 means either that the account's requests are used up, which every recipient feels, or that one client
does not read (botocore's model of PostToConnection). Which of the two shows in what the others answer, and in what
becomes of those that are tried again: a slow client refuses once more, while an account's limit hits someone else.
"""

from __future__ import annotations

from collections import deque

#: 429 counts as the account's when this share of the latest answers says it; fewer are slow clients.
_SHARE = 0.2
_WINDOW = 200
_ENOUGH = 8
#: It is the account's too when so many more of those that were refused got through at the next try than did not.
_RECOVERED = 3
#: Seconds without sends after the account was found throttled; it doubles while nothing gets through.
_PAUSE, _MAX_PAUSE = 0.1, 2.0
#: So many pauses one after another with nothing through between them: waiting does not help.
_IN_VAIN = 5
#: Below what got through, then up again by a tenth each fifth of a second.
_BACK_OFF, _GROW, _GROW_EVERY = 0.9, 1.1, 0.2
_SLOWEST = 10.0


class Pace:
    """Says how many sends may start now. Times are ``time.monotonic()``."""

    def __init__(self, budget: float | None, now: float) -> None:
        self._budget = budget
        self._rate = budget  # sends a second; None: as fast as they go
        self._tokens = 1.0
        self._refilled = now
        self._pause = _PAUSE
        self._in_vain = 0
        self._paused_until = now
        self._grown = now
        self._window: deque[tuple[float, int, bool]] = deque()  # when, how many answers, throttled?
        self._answers = self._refusals = 0
        self._recovered = 0
        self.throttled = False

    @property
    def is_hopeless(self) -> bool:
        """Whether the account takes nothing at all, however long one waits."""
        return self._in_vain >= _IN_VAIN

    def allowance(self, now: float) -> int:
        """How many sends may start at ``now``."""
        if now < self._paused_until:
            return 0
        if self._rate is None:
            return 1_000_000
        # At most a tenth of a second's worth at once, so that the budget holds over short spans too.
        most = max(1.0, self._rate / 10)
        self._tokens = min(most, self._tokens + (now - self._refilled) * self._rate)
        self._refilled = now
        return int(self._tokens)

    def spend(self, count: int) -> None:
        self._tokens -= count

    def wait(self, now: float) -> float:
        """Seconds until ``allowance`` may have more."""
        if now < self._paused_until:
            return self._paused_until - now
        return 0.0 if self._rate is None else max(0.0, (1 - self._tokens) / self._rate)

    def accepted(self, count: int, now: float) -> None:
        """``count`` answers were no 429."""
        self._in_vain = 0
        self._note(now, count, False)
        if self.throttled and now - self._grown >= _GROW_EVERY and self._share() < _SHARE / 4:
            self._grow(now)

    def refused(self, now: float) -> None:
        """One answer was 429."""
        self._note(now, 1, True)
        if self._answers >= _ENOUGH and self._share() >= _SHARE:
            self._slow_down(now)

    def tried_again(self, *, accepted: bool) -> None:
        """What became of one that had been refused."""
        self._recovered += 1 if accepted else -1
        self.throttled = self.throttled or self._recovered >= _RECOVERED

    def _note(self, now: float, count: int, refused: bool) -> None:
        if now < self._paused_until:
            return  # it was under way when the brake was pulled, and says nothing new
        self._window.append((now, count, refused))
        self._answers += count
        self._refusals += count if refused else 0
        while self._answers - self._window[0][1] >= _WINDOW:
            _, old, was_refused = self._window.popleft()
            self._answers -= old
            self._refusals -= old if was_refused else 0

    def _share(self) -> float:
        return self._refusals / self._answers if self._answers else 0.0

    def _slow_down(self, now: float) -> None:
        through = self._answers - self._refusals
        seconds = max(now - self._window[0][0], 0.001)
        self._pause = _PAUSE if through else min(self._pause * 2, _MAX_PAUSE)
        self._in_vain += 1
        got_through = through / seconds * _BACK_OFF
        # Few answers make a poor measure: no more than halved at once.
        self._rate = max(
            _SLOWEST, got_through if self._rate is None else min(self._rate, max(got_through, self._rate / 2))
        )
        self._paused_until = self._refilled = now + self._pause
        self._tokens = 0.0
        self._grown = now
        self._window.clear()
        self._answers = self._refusals = 0
        self.throttled = True

    def _grow(self, now: float) -> None:
        self._grown = now
        if self._rate is not None:
            self._rate = self._rate * _GROW
            if self._budget is not None:
                self._rate = min(self._rate, self._budget)
