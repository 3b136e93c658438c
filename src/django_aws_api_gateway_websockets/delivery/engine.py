"""One call to many targets: keeps the transport busy, repeats failed calls, and reports.

The states of a target::

    stream ---> under way ---> sent, gone, timed out, failed, slow, throttled
                 ^     |
                 |     | 429, 5xx, or the connection broke, with tries left
                 |     v
                waiting (a tenth of a second, or longer if the pace requires it)

    If an endpoint does not answer anyone, its other targets go from the stream and from waiting to failed. At the
    deadline, targets go from the stream to not tried, from under way to timed out, and from waiting to the state that
    their last answer implies.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Callable, Iterable, Iterator

from ..exceptions import AwsError, AwsUnreachable, ConnectionGone, SendTimedOut, Throttled
from .connecting import now_connecting
from .connection_ids import ConnectionIds
from .endpoints import Endpoint
from .pace import Pace
from .report import DeliveryReport
from .transport import Target, Transport

# Tries of one target if the connection broke or AWS answered 5xx; on 429 for a slow client; on 429 for a throttled
# account.
_TRIES, _SLOW_TRIES, _THROTTLED_TRIES = 2, 3, 12
# Seconds before the next try. Then the longest waits for an answer: before a start is possible, and otherwise.
_RETRY_AFTER, _SOON, _LATER = 0.1, 0.01, 0.5


class _State:
    """The engine's state for one target."""

    __slots__ = ("endpoint", "error", "since", "target", "tries")

    def __init__(self, target: Target, endpoint: Endpoint) -> None:
        self.target, self.endpoint = target, endpoint
        self.tries, self.since = 0, 0.0  # how many tries failed, and when the last one did
        self.error: AwsError | None = None  # the error of the last failed try


@dataclass(eq=False, repr=False)
class Sending:
    """One send. ``run`` fills ``report``, and passes the id of each gone connection to ``on_gone`` when it is found."""

    transport: Transport
    report: DeliveryReport
    repeatable: bool
    deadline: float | None = None
    rate: float | None = None
    on_gone: Callable[[str], object] | None = None
    last_error: AwsError | None = None
    answer: Any = None  # the last one

    def __post_init__(self) -> None:
        now = time.monotonic()
        self._ends = now + (float("inf") if self.deadline is None else self.deadline)
        self._pace = Pace(self.rate, now)
        self._endpoints: dict[str, Endpoint] = {}
        self._under_way: dict[str, _State] = {}
        self._waiting: deque[_State] = deque()
        self._exhausted = False  # whether the stream has ended

    def run(self, targets: Iterable[Target]) -> None:
        """Call every target. Raise only if nobody was reached at all, with ``report`` on the exception."""
        stream = self._stream(targets)
        while self._fill(stream):
            self._collect()
        endpoints = self._endpoints.values()
        error = next((one.last_error for one in endpoints if one.last_error is not None), None)
        if error is not None and not any(one.has_answered for one in endpoints):
            error.report = self.report
            raise error

    def _stream(self, targets: Iterable[Target]) -> Iterator[_State]:
        """Yield the targets that can be called."""
        connecting, endpoints = now_connecting(), self._endpoints
        for target in targets:
            endpoint = endpoints.get(target.url) or endpoints.setdefault(target.url, Endpoint(target.problem))
            if target.connection_id in connecting:
                self.report.not_tried.append(target.connection_id)
            else:
                yield _State(target, endpoint)
        self._exhausted = True

    def _fill(self, stream: Iterator[_State]) -> bool:
        """Start the calls that may start now. Return False if everything is done."""
        now = time.monotonic()
        if now >= self._ends:
            return self._stop(stream, self.report.not_tried)
        if self._pace.is_hopeless:  # but AWS may still carry out the calls in progress
            return bool(self._under_way) or self._stop(stream, self.report.throttled)
        free = self._pace.take(now, max(0, self.transport.slots - len(self._under_way)))
        for state in islice(chain(self._due(now), stream), free):
            if state.endpoint.broken is not None:
                self.report.failed[state.target.connection_id] = state.endpoint.broken
            else:
                self._under_way[state.target.connection_id] = state
                self.transport.submit(state.target)
        return bool(self._under_way or self._waiting or not self._exhausted)

    def _due(self, now: float) -> Iterator[_State]:
        """Yield the targets whose next try is due."""
        while self._waiting and self._waiting[0].since + _RETRY_AFTER <= now:
            yield self._waiting.popleft()

    def _stop(self, stream: Iterator[_State], rest: ConnectionIds) -> bool:
        """End the send now. ``rest`` receives the targets that were never tried.

        Return False, because everything is done.
        """
        self.report.timed_out.extend(self._under_way)
        for state in self._waiting:
            self._record(state)
        rest.extend(state.target.connection_id for state in stream)
        return False

    def _collect(self) -> None:
        """Wait for answers, or until a call may be started."""
        is_full = len(self._under_way) >= self.transport.slots or (self._exhausted and not self._waiting)
        timeout = min(_LATER if is_full else _SOON, max(0.0, self._ends - time.monotonic()))
        if not self._under_way:
            time.sleep(timeout)
            return
        accepted, failed = 0, []
        for target, error, answer in self.transport.finished(timeout):
            state = self._under_way.pop(target.connection_id)
            if error is not None:
                failed.append((state, error))
                continue
            accepted += 1
            self.answer = answer
            self.report.sent.append(target.connection_id)
            state.endpoint.has_answered, state.endpoint.streak = True, 0
            if state.error is not None and isinstance(state.error, Throttled):
                self._pace.recovered()
        now = time.monotonic()
        if accepted:
            self._pace.accepted(accepted, now)
        for state, error in failed:
            self._settle(state, error, now)

    def _settle(self, state: _State, error: AwsError, now: float) -> None:
        """Decide what happens to a target that failed."""
        if isinstance(error, Throttled):
            self._pace.refused(now, again=isinstance(state.error, Throttled))
        else:
            self._pace.accepted(1, now)
        state.tries, state.error, state.since = state.tries + 1, error, now
        again = self._may_retry(state, error)
        state.endpoint.failed(error, first=state.tries == 1, final=not again)
        if again:
            self._waiting.append(state)
        else:
            self._record(state)

    def _may_retry(self, state: _State, error: AwsError) -> bool:
        if isinstance(error, Throttled):
            return state.tries < (_THROTTLED_TRIES if self._pace.throttled else _SLOW_TRIES)
        if isinstance(error, SendTimedOut) and not self.repeatable:
            return False  # AWS may have delivered the message.
        transient = isinstance(error, AwsUnreachable) or (error.status or 0) >= 500
        return transient and state.tries < _TRIES and state.endpoint.broken is None

    def _record(self, state: _State) -> None:
        if state.error is not None:
            self.last_error = state.error
            self.report.add_failure(state.target.connection_id, state.error, throttled=self._pace.throttled)
            if isinstance(state.error, ConnectionGone) and self.on_gone is not None:
                self.on_gone(state.target.connection_id)
