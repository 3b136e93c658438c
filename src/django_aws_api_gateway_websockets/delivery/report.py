"""Who got a message and who did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..exceptions import ConnectionGone, SendTimedOut, Throttled
from .connection_ids import ConnectionIds

#: The lists of a report, in the order in which it prints them.
LISTS = ("sent", "gone", "throttled", "slow", "timed_out", "not_tried")


@dataclass
class DeliveryReport:
    """The outcome of one send to many: connection ids by what became of them.

    Each recipient is in exactly one of the lists. ``elapsed`` is in seconds.
    """

    #: AWS took the message. Of ``disconnect()``: AWS closed the connection.
    sent: ConnectionIds = field(default_factory=ConnectionIds)
    #: The client had left; the row is closed, unless it is younger than 10 s.
    gone: ConnectionIds = field(default_factory=ConnectionIds)
    #: The account's request limit was reached, and waiting did not help.
    throttled: ConnectionIds = field(default_factory=ConnectionIds)
    #: This client alone does not read fast enough, so its buffer in AWS is full.
    slow: ConnectionIds = field(default_factory=ConnectionIds)
    #: No answer came in time. The client may have got the message, or not.
    timed_out: ConnectionIds = field(default_factory=ConnectionIds)
    #: Not sent, because the deadline had passed or the connection's ``$connect`` is being handled right now.
    not_tried: ConnectionIds = field(default_factory=ConnectionIds)
    #: Anything else, with the error.
    failed: dict[str, Exception] = field(default_factory=dict)
    elapsed: float = 0.0

    def add_failure(self, connection_id: str, error: Exception, *, throttled: bool) -> None:
        """Note why the call to a connection failed; ``throttled`` if the account is at its limit."""
        if isinstance(error, ConnectionGone):
            self.gone.append(connection_id)
        elif isinstance(error, Throttled):
            (self.throttled if throttled else self.slow).append(connection_id)
        elif isinstance(error, SendTimedOut):
            self.timed_out.append(connection_id)
        else:
            self.failed[connection_id] = error

    @property
    def total(self) -> int:
        """How many recipients there were."""
        return sum(len(getattr(self, name)) for name in LISTS) + len(self.failed)

    @property
    def rate(self) -> float:
        """Recipients per second."""
        return self.total / self.elapsed if self.elapsed else 0.0

    @property
    def complete(self) -> bool:
        """Whether everyone who is still connected got the message."""
        return len(self.sent) + len(self.gone) == self.total

    def counts(self) -> dict[str, int]:
        """How many recipients are in each list. JSON can hold it."""
        return {**{name: len(getattr(self, name)) for name in LISTS}, "failed": len(self.failed)}

    def summary(self) -> dict[str, Any]:
        """The counts, the seconds and the first error. JSON can hold it; it names no connection."""
        first = next(iter(self.failed.values()), None)
        return {**self.counts(), "elapsed": round(self.elapsed, 3), "error": str(first) if first else ""}

    def __str__(self) -> str:
        counts = self.counts()
        parts = [f"{counts.pop('sent'):,} sent"]
        parts += [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
        first = next(iter(self.failed.values()), None)
        error = f" (first error: {first})" if first else ""
        return f"{', '.join(parts)} in {self.elapsed:.2f} s, {self.rate:,.0f} per second{error}"
