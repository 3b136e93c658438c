"""Sends by boto3: one shared client for each stage, and threads that live as long as a send."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Mapping, cast

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
        self._threads = 0

    def begin(self, call: Call) -> None:
        self._call = call
        # New ones each time: a thread that outlives its send must not report to the next one.
        self._targets: SimpleQueue[Target | None] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome | Exception] = SimpleQueue()

    def submit(self, target: Target) -> None:
        if self.slots == 1:
            self._outcomes.put(_outcome(self._call, target))
            return
        if self._threads < self.slots:
            self._threads += 1
            arguments = (self._call, self._targets, self._outcomes)
            Thread(target=_work, args=arguments, name=f"websockets-send-{self._threads}").start()
        self._targets.put(target)

    def finished(self, timeout: float) -> list[Outcome]:
        try:
            first = self._outcomes.get(timeout=timeout) if timeout > 0 else self._outcomes.get_nowait()
        except Empty:
            return []
        done = [first, *(self._outcomes.get_nowait() for _ in range(self._outcomes.qsize()))]
        for outcome in done:
            if isinstance(outcome, Exception):
                raise outcome
        return cast("list[Outcome]", done)

    def end(self) -> None:
        while self._threads:
            self._threads -= 1
            self._targets.put(None)


def _work(call: Call, targets: SimpleQueue[Target | None], outcomes: SimpleQueue[Outcome | Exception]) -> None:
    """A thread's life: calls, until there is no target any more. A ThreadPoolExecutor does more for each of them."""
    for target in iter(targets.get, None):
        try:
            outcomes.put(_outcome(call, target))
        except Exception as error:  # what no AwsError stands for, as from a hook of the site's: the send ends with it
            outcomes.put(error)


def _outcome(call: Call, target: Target) -> Outcome:
    try:
        call_by_boto3(call, target)
    except AwsError as error:
        return Outcome(target, error)
    return Outcome(target, None)
