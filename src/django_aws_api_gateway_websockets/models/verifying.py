"""Ask AWS about connections whose rows are open but silent, as a client may have left without a ``$disconnect``."""

from __future__ import annotations

from typing import Any, Callable, Iterator

from ..delivery import DeliveryReport
from ..delivery.send import call_many
from ..delivery.transport import GET, Target
from .clearing import CleanUp, windows
from .recipients import GoneRows, targets_of
from .rows import ClosedReason, SessionRows

#: Calls per second. All requests of an account share its limit of 10,000 per second.
VERIFY_RATE = 100.0


def close_gone(
    rows: SessionRows[Any],
    done: CleanUp,
    rate: float = VERIFY_RATE,
    on_progress: Callable[[CleanUp], object] = lambda done: None,
) -> None:
    """Close the rows of connections that AWS does not know, and count them in ``done``.

    Ask AWS about the ``stale()`` rows. Raise ``WebSocketsError`` if AWS cannot be reached at all.
    """
    report, gone = DeliveryReport(), GoneRows(rows, ClosedReason.SWEPT)

    def count() -> None:
        done.asked = report.total
        done.unanswered = report.total - len(report.sent) - len(report.gone)
        done.swept = gone.closed

    def targets() -> Iterator[Target]:
        for target in _doubtful(rows):
            yield target
            count()
            on_progress(done)

    try:
        # There is no deadline, because the budget determines how long it takes.
        call_many(GET, targets(), report=report, on_gone=gone.add, deadline=float("inf"), rate=rate)
    finally:
        gone.flush()
        count()


def _doubtful(rows: SessionRows[Any]) -> Iterator[Target]:
    rows = rows.using(rows.write_db)
    for keys in windows(rows):
        yield from targets_of(rows.filter(pk__gte=keys[0], pk__lte=keys[-1]).stale())
