"""Sends by boto3: one shared client for each stage, and threads that live as long as a send."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, Mapping

from ..aws import connections_client, translated
from ..exceptions import AwsError
from .transport import Call, Outcome, Target

_METHODS = {
    "PostToConnection": "post_to_connection",
    "DeleteConnection": "delete_connection",
    "GetConnection": "get_connection",
}


def call_by_boto3(call: Call, target: Target) -> Mapping[str, Any]:
    """Do ``call`` to ``target``; raises ``AwsError``."""
    client = connections_client(target.url)
    body = {"Data": call.data} if call.method == "POST" else {}
    with translated(call.describe(target)):
        answer: Mapping[str, Any] = getattr(client, _METHODS[call.operation])(ConnectionId=target.connection_id, **body)
    return answer


class BotoTransport:
    """One slot needs no thread: the call is made when it is submitted."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._pool: ThreadPoolExecutor | None = None

    def begin(self, call: Call) -> None:
        self._call = call
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        if self.slots > 1:
            self._pool = ThreadPoolExecutor(self.slots, thread_name_prefix="websockets-send")

    def submit(self, target: Target) -> None:
        if self._pool is None:
            self._do(target, self._outcomes)
        else:
            # The queue goes along: a thread that outlives its send must not report to the next one.
            self._pool.submit(self._do, target, self._outcomes)

    def _do(self, target: Target, outcomes: SimpleQueue[Outcome]) -> None:
        try:
            call_by_boto3(self._call, target)
        except AwsError as error:
            outcomes.put(Outcome(target, error))
        else:
            outcomes.put(Outcome(target, None))

    def finished(self, timeout: float) -> list[Outcome]:
        try:
            first = self._outcomes.get(timeout=timeout) if timeout > 0 else self._outcomes.get_nowait()
        except Empty:
            return []
        return [first, *(self._outcomes.get_nowait() for _ in range(self._outcomes.qsize()))]

    def end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None
