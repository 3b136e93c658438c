"""Your own transport: a staging site logs its messages and does not call AWS."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import Iterator

from django_aws_api_gateway_websockets.delivery.transport import Call, Outcome, Target

logger = logging.getLogger(__name__)


class LogOnly:
    #: How many targets may be in progress at once.
    slots = 100

    def __init__(self, call: Call) -> None:
        self._call = call
        self._done: list[Outcome] = []

    def submit(self, target: Target) -> None:
        """Start the call to one connection."""
        logger.info("%s: %d bytes to %s", self._call.operation, len(self._call.data), target.connection_id)
        self._done.append(Outcome(target))  # or Outcome(target, AwsError(…))

    def finished(self, timeout: float) -> list[Outcome]:
        """Return the finished calls. Wait up to `timeout` seconds for the first."""
        done, self._done = self._done, []
        return done


@contextmanager
def log_only(call: Call, many: bool) -> Iterator[LogOnly]:
    yield LogOnly(call)
