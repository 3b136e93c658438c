"""Who received a message and who did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..exceptions import ConnectionGone, SendTimedOut, Throttled
from .connection_ids import ConnectionIds

#: The lists of a report, in the order in which they are printed.
LISTS = ("sent", "gone", "throttled", "slow", "timed_out", "not_tried")


@dataclass
class DeliveryReport:
    """The outcome of one send to many recipients: the connection ids, grouped by result.

    Each recipient is in exactly one of the lists. ``elapsed`` is in seconds.
    """

    #: AWS accepted the message. For ``disconnect()``, AWS closed the connection.
    sent: ConnectionIds = field(default_factory=ConnectionIds)
    #: The client had disconnected. The row is closed, unless it is younger than 10 seconds.
    gone: ConnectionIds = field(default_factory=ConnectionIds)
    #: The account's request limit was reached, and waiting did not help.
    throttled: ConnectionIds = field(default_factory=ConnectionIds)
    #: Only this client is affected: it reads too slowly, so its buffer in AWS is full.
    slow: ConnectionIds = field(default_factory=ConnectionIds)
    #: No answer came in time. The client may or may not have received the message.
    timed_out: ConnectionIds = field(default_factory=ConnectionIds)
    #: Not sent, because the deadline had passed or the connection's ``$connect`` is being handled right now.
    not_tried: ConnectionIds = field(default_factory=ConnectionIds)
    #: Any other failure, with the error.
    failed: dict[str, Exception] = field(default_factory=dict)
    elapsed: float = 0.0

    def add_failure(self, connection_id: str, error: Exception, *, throttled: bool) -> None:
        """Note why the call to a connection failed. ``throttled`` means that the account is at its limit."""
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
        """The number of recipients."""
        return sum(len(getattr(self, name)) for name in LISTS) + len(self.failed)

    @property
    def rate(self) -> float:
        """Recipients per second."""
        return self.total / self.elapsed if self.elapsed else 0.0

    @property
    def complete(self) -> bool:
        """Whether every recipient who is still connected received the message."""
        return len(self.sent) + len(self.gone) == self.total

    def counts(self) -> dict[str, int]:
        """Return the number of recipients in each list, in a form that JSON can hold."""
        return {**{name: len(getattr(self, name)) for name in LISTS}, "failed": len(self.failed)}

    def summary(self) -> dict[str, Any]:
        """Return the counts, the seconds and the first error, in a form that JSON can hold. It names no connection."""
        first = next(iter(self.failed.values()), None)
        return {**self.counts(), "elapsed": round(self.elapsed, 3), "error": str(first) if first else ""}

    def __str__(self) -> str:
        counts = self.counts()
        parts = [f"{counts.pop('sent'):,} sent"]
        parts += [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
        first = next(iter(self.failed.values()), None)
        error = f" (first error: {first})" if first else ""
        return f"{', '.join(parts)} in {self.elapsed:.2f} s, {self.rate:,.0f} per second{error}"
