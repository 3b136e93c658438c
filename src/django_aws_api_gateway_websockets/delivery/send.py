"""One call to many connections, or to one. The caller passes the connections as a stream of targets."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable

from ..conf import conf
from .choice import open_transport
from .engine import Sending
from .report import DeliveryReport
from .transport import Call, Target


def call_many(
    call: Call,
    targets: Iterable[Target],
    *,
    report: DeliveryReport | None = None,
    on_gone: Callable[[str], object] | None = None,
    deadline: float | None = None,
    rate: float | None = None,
) -> DeliveryReport:
    """Make ``call`` to every target and report each result. Raise only if nobody was reached at all.

    ``report`` is filled and returned, so that you have it even if an error is raised. ``on_gone`` receives the id of
    each connection that AWS calls gone. ``deadline`` (seconds) and ``rate`` (calls per second) default to the settings
    ``SEND_DEADLINE`` and ``SEND_RATE``.
    """
    report = DeliveryReport() if report is None else report
    deadline = conf.SEND_DEADLINE if deadline is None else deadline
    rate = conf.SEND_RATE if rate is None else rate
    started = time.monotonic()
    try:
        with open_transport(call, many=True) as transport:
            Sending(transport, report, call.repeatable, deadline, rate, on_gone).run(targets)
    finally:
        report.elapsed = time.monotonic() - started
    return report


def call_one(call: Call, target: Target) -> Any:
    """Make ``call`` to one target and return AWS's answer. Raise ``ConnectionGone`` or another error."""
    with open_transport(call, many=False) as transport:
        sending = Sending(transport, DeliveryReport(), call.repeatable)
        sending.run((target,))
    if sending.last_error is not None:
        raise sending.last_error
    return sending.answer
