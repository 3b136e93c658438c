"""Closing sockets whose rows are closed, or gone, already: those of a login that has ended.

By the task engine of the site where ``BACKGROUND`` names one, in this process where it does not.
"""

from __future__ import annotations

import logging
from typing import Sequence

from ..conf import conf
from ..exceptions import WebSocketsError
from .background import engine
from .choice import transport_for_many
from .engine import Sending
from .health import Endpoints
from .transport import DELETE, Target

logger = logging.getLogger("django_aws_api_gateway_websockets")


def disconnect_soon(targets: Sequence[Target]) -> None:
    """Hand the sockets of ``targets`` to the task engine; where there is none, or it takes nothing, close them now."""
    if conf.BACKGROUND:
        try:
            for start in range(0, len(targets), conf.BACKGROUND_CHUNK):
                engine().hand_over_targets(targets[start : start + conf.BACKGROUND_CHUNK])
            return
        except Exception:
            # A broker that is down is no reason to let the sockets live.
            logger.exception("The task engine %r did not take sockets to close: closed here", conf.BACKGROUND)
    disconnect(targets)


def disconnect(targets: Sequence[Target]) -> None:
    """Have AWS close the sockets of ``targets``. What fails is logged, and stops neither the others nor the caller."""
    with transport_for_many() as transport:
        sending = Sending(DELETE, transport, Endpoints(), deadline=conf.SEND_DEADLINE, repeatable=True)
        try:
            sending.run(iter(targets))
        except WebSocketsError as error:
            logger.error("Sockets whose login has ended were not closed: %s", error)
    done = {*sending.report.sent, *sending.report.gone}
    for target in targets:
        if target.connection_id not in done:
            logger.error("The connection %s was not closed: its client can still listen.", target.connection_id)
