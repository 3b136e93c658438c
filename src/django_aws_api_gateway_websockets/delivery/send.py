"""One call to one connection, or to many of them. Who they are is the caller's to say, by a stream of targets."""

from __future__ import annotations

from typing import Callable, Iterable

from ..conf import conf
from ..exceptions import ConnectionGone
from .choice import transport_for_many, transport_for_one
from .engine import Sending
from .health import Endpoints
from .report import DeliveryReport
from .transport import DELETE, Call, Target


def call_many(
    call: Call,
    targets: Iterable[Target],
    *,
    report: DeliveryReport | None = None,
    on_gone: Callable[[str], None] | None = None,
    deadline: float | None = None,
    rate: float | None = None,
) -> DeliveryReport:
    """Make ``call`` to every target and report what became of each. Raise only if nobody can be reached at all.

    ``on_gone`` gets the id of each connection that AWS calls gone. ``deadline`` (seconds) and ``rate`` (calls per
    second) default to the settings ``SEND_DEADLINE`` and ``SEND_RATE``.
    """
    with transport_for_many() as transport:
        sending = Sending(
            call,
            transport,
            Endpoints(),
            deadline=conf.SEND_DEADLINE if deadline is None else deadline,
            rate=conf.SEND_RATE if rate is None else rate,
            repeatable=_is_repeatable(call),
            report=report,
            on_gone=on_gone,
        )
        return sending.run(iter(targets))


def call_one(call: Call, target: Target) -> bool:
    """Make ``call`` to one target. Return False if the client has gone, and raise any other error."""
    with transport_for_one() as transport:
        sending = Sending(call, transport, Endpoints(), repeatable=_is_repeatable(call))
        sending.run(iter((target,)))
    if sending.last_error is None:
        return True
    if isinstance(sending.last_error, ConnectionGone):
        return False
    raise sending.last_error


def _is_repeatable(call: Call) -> bool:
    """Whether a repetition does no harm: a client drops the second message of the same id."""
    return call is DELETE or bool(conf.MESSAGE_ID_KEY)
