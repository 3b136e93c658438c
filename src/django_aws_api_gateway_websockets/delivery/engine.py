"""One call to many connections: keeps the transport busy, retries what may be retried, and reports."""

from __future__ import annotations

import time
from collections import deque
from itertools import islice
from typing import Callable, Iterator

from ..exceptions import AwsError, AwsUnreachable, ConnectionGone, SendTimedOut, Throttled
from .connecting import is_connecting
from .connection_ids import ConnectionIds
from .health import Endpoints, is_own
from .pace import Pace
from .report import DeliveryReport
from .transport import Call, Target, Transport

# Tries of one target: where the connection broke or AWS answered 5xx; a throttled account.
_TRIES, _THROTTLED_TRIES = 2, 6
# Tries of one that seems slow: two among the others, and one when nothing else is sent any more, since two refusals in
# a row can be bad luck with an account at its limit.
_SLOW_TRIES = 3
# Seconds before a retry; and once all others are done, unless the account is throttled.
_RETRY_AFTER, _LAST_RETRY_AFTER = 0.25, 0.02
# The longest wait for an answer before the deadline is looked at again.
_TICK = 0.5


class Sending:
    """One send: ``run`` fills ``report``. Gone connections are given to ``on_gone`` as they are found."""

    def __init__(
        self,
        call: Call,
        transport: Transport,
        endpoints: Endpoints,
        *,
        deadline: float | None = None,
        rate: float | None = None,
        repeatable: bool = False,
        report: DeliveryReport | None = None,
        on_gone: Callable[[str], None] | None = None,
    ) -> None:
        self._started = time.monotonic()
        self._call = call
        self._transport = transport
        self._endpoints = endpoints
        self._ends = None if deadline is None else self._started + deadline
        self._pace = Pace(rate, self._started)
        self._repeatable = repeatable  # the message has an id, so a client drops a repetition
        self._on_gone = on_gone
        self._under_way: dict[str, Target] = {}
        self._again: deque[tuple[float, Target, AwsError]] = deque()  # since when, and why
        self._suspects: list[tuple[Target, AwsError]] = []  # slow ones, as it seems
        self._refused: set[str] = set()  # by a 429, and to be tried again
        self._tries: dict[str, int] = {}
        self._exhausted = False
        self.report = DeliveryReport() if report is None else report
        self.last_error: AwsError | None = None

    def run(self, targets: Iterator[Target]) -> DeliveryReport:
        """Call every target; raises where nothing can be sent to anybody, with ``report`` on the error."""
        reachable = self._reachable(targets)
        self._transport.begin(self._call)
        try:
            while self._fill(reachable):
                self._collect()
        finally:
            self._transport.end()
            self.report.elapsed = time.monotonic() - self._started
        error = self._endpoints.verdict()
        if error is not None:
            error.report = self.report
            raise error
        return self.report

    # --- Starting calls -------------------------------------------------------------------------

    def _reachable(self, targets: Iterator[Target]) -> Iterator[Target]:
        """``targets`` without those to which no call is worth making."""
        broken = self._endpoints.broken
        for target in targets:
            if target.problem is not None:
                self._endpoints.gives_up(target.url, target.problem)
            if broken and target.url in broken:
                self.report.failed[target.connection_id] = broken[target.url]
            elif is_connecting(target.connection_id):
                self.report.not_tried.append(target.connection_id)
            else:
                yield target

    def _fill(self, targets: Iterator[Target]) -> bool:
        """Start what may be started; False when everything is done."""
        now = time.monotonic()
        if self._ends is not None and now >= self._ends:
            self._stop(targets, self.report.not_tried)
            return False
        if self._pace.is_hopeless:
            if not self._under_way:  # which may still be taken
                self._stop(targets, self.report.throttled)
            return bool(self._under_way)
        room = min(self._transport.slots - len(self._under_way), self._pace.allowance(now))
        if room > 0:
            started = self._start(self._due(now, room))
            if not self._exhausted and started < room:
                more = self._start(islice(targets, room - started))
                self._exhausted = more < room - started
                started += more
            self._pace.spend(started)
        if self._exhausted and not self._under_way and not self._again:
            self._again.extend((now, target, error) for target, error in self._suspects)
            self._suspects.clear()
        return bool(self._under_way or self._again or not self._exhausted)

    def _start(self, targets: Iterator[Target]) -> int:
        count = 0
        for target in targets:
            self._under_way[target.connection_id] = target
            self._transport.submit(target)
            count += 1
        return count

    def _due(self, now: float, room: int) -> Iterator[Target]:
        """What is to be tried again by now."""
        broken = self._endpoints.broken
        for _ in range(min(room, len(self._again))):
            if self._until_retry(now) > 0:
                return
            target = self._again.popleft()[1]
            if target.url in broken:
                self.report.failed[target.connection_id] = broken[target.url]
            else:
                yield target

    def _until_retry(self, now: float) -> float:
        """Seconds until the first that is to be tried again may be."""
        is_last = self._exhausted and not self._under_way and not self._pace.throttled
        return self._again[0][0] + (_LAST_RETRY_AFTER if is_last else _RETRY_AFTER) - now

    def _stop(self, targets: Iterator[Target], rest: ConnectionIds) -> None:
        """No patience is left: what has no answer timed out, a last answer stands, ``rest`` takes who had no try."""
        self.report.timed_out.extend(self._under_way)
        for target, error in [*self._suspects, *((target, error) for _, target, error in self._again)]:
            self._record(target, error)
        rest.extend(target.connection_id for target in targets)

    # --- Taking answers -------------------------------------------------------------------------

    def _collect(self) -> None:
        timeout = self._patience(time.monotonic())
        if not self._under_way:
            time.sleep(timeout)
            return
        accepted = 0
        for target, error in self._transport.finished(timeout):
            del self._under_way[target.connection_id]
            if error is None:
                self.report.sent.append(target.connection_id)
                self._endpoints.works(target.url)
                accepted += 1
                if self._refused and target.connection_id in self._refused:
                    self._refused.remove(target.connection_id)
                    self._pace.tried_again(accepted=True)
            else:
                self._settle(target, error, time.monotonic())
        if accepted:
            self._pace.accepted(accepted, time.monotonic())

    def _patience(self, now: float) -> float:
        """Seconds to wait for answers before there may be something to start."""
        patience = _TICK if self._ends is None else min(_TICK, max(0.0, self._ends - now))
        if len(self._under_way) < self._transport.slots and (self._again or not self._exhausted):
            wait = self._pace.wait(now)
            if not wait and self._again:
                wait = self._until_retry(now)
            patience = max(0.0, min(patience, wait))
        return patience

    def _settle(self, target: Target, error: AwsError, now: float) -> None:
        if isinstance(error, Throttled):
            self._pace.refused(now)
            if target.connection_id in self._refused:
                self._pace.tried_again(accepted=False)
            self._refused.add(target.connection_id)
        else:
            self._pace.accepted(1, now)
        if not self._may_retry(target, error):
            self._record(target, error)
            self._judge(target, error)
        elif isinstance(error, Throttled) and not self._pace.throttled and self._tries[target.connection_id] > 1:
            self._suspects.append((target, error))
        else:
            self._again.append((now, target, error))

    def _may_retry(self, target: Target, error: AwsError) -> bool:
        tries = self._tries[target.connection_id] = self._tries.get(target.connection_id, 0) + 1
        if tries == 1 and not is_own(error):
            self._endpoints.refuses(target.url, error)
        if isinstance(error, Throttled):
            return tries < (_THROTTLED_TRIES if self._pace.throttled else _SLOW_TRIES)
        if isinstance(error, SendTimedOut) and not self._repeatable:
            return False  # it may have been delivered
        transient = isinstance(error, AwsUnreachable) or (error.status or 0) >= 500
        return transient and tries < _TRIES and target.url not in self._endpoints.broken

    def _record(self, target: Target, error: AwsError) -> None:
        connection_id, self.last_error = target.connection_id, error
        self._tries.pop(connection_id, None)
        self._refused.discard(connection_id)
        if isinstance(error, ConnectionGone):
            self.report.gone.append(connection_id)
            if self._on_gone is not None:
                self._on_gone(connection_id)
        elif isinstance(error, Throttled):
            (self.report.throttled if self._pace.throttled else self.report.slow).append(connection_id)
        elif isinstance(error, SendTimedOut):
            self.report.timed_out.append(connection_id)
        else:
            self.report.failed[connection_id] = error

    def _judge(self, target: Target, error: AwsError) -> None:
        if is_own(error):
            self._endpoints.works(target.url)
        else:
            self._endpoints.fails(target.url, error)
