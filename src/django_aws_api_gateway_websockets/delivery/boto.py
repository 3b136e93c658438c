"""Calls by boto3: one shared client for each stage, and threads that live as long as one send."""

from __future__ import annotations

from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Iterator

from ..aws import connections_client, translated, without_frames
from ..conf import conf
from ..exceptions import AwsError
from .transport import Call, Outcome, Target

_METHODS = {
    "PostToConnection": "post_to_connection",
    "DeleteConnection": "delete_connection",
    "GetConnection": "get_connection",
}


@contextmanager
def boto3_transport(call: Call, many: bool) -> Iterator[BotoTransport]:
    """Open a boto3 transport: ``SEND_THREADS`` threads for many targets, none for one."""
    transport = BotoTransport(call, conf.SEND_THREADS if many else 1)
    try:
        yield transport
    finally:
        transport.end()


class BotoTransport:
    """Calls by threads. With one slot there is no thread, and ``submit`` makes the call itself."""

    def __init__(self, call: Call, slots: int) -> None:
        self.slots = slots
        self._call = call
        self._threads = 0
        self._targets: SimpleQueue[Target | None] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome | Exception] = SimpleQueue()

    def submit(self, target: Target) -> None:
        if self.slots == 1:
            self._outcomes.put(_make(self._call, target))
            return
        if self._threads < self.slots:
            self._threads += 1
            arguments = (self._call, self._targets, self._outcomes)
            Thread(target=_work, args=arguments, name=f"websockets-send-{self._threads}").start()
        self._targets.put(target)

    def finished(self, timeout: float) -> list[Outcome]:
        try:
            done = [self._outcomes.get(timeout=timeout) if timeout > 0 else self._outcomes.get_nowait()]
        except Empty:
            return []
        done += [self._outcomes.get_nowait() for _ in range(self._outcomes.qsize())]
        outcomes = []
        for outcome in done:
            if isinstance(outcome, Exception):
                raise outcome
            outcomes.append(outcome)
        return outcomes

    def end(self) -> None:
        """Let the threads end. Outcomes of calls that are still running are lost."""
        while self._threads:
            self._threads -= 1
            self._targets.put(None)


def _work(call: Call, targets: SimpleQueue[Target | None], outcomes: SimpleQueue[Outcome | Exception]) -> None:
    """Make calls until there are no more targets. A ThreadPoolExecutor would cost more for each target."""
    for target in iter(targets.get, None):
        try:
            outcomes.put(_make(call, target))
        except Exception as error:  # For example, an error in a site's own botocore hook. It ends the send.
            outcomes.put(error)


def _make(call: Call, target: Target) -> Outcome:
    body = {"Data": call.data} if call.method == "POST" else {}
    try:
        client = connections_client(target.url)
        with translated(call.describe(target)):
            answer: Any = getattr(client, _METHODS[call.operation])(ConnectionId=target.connection_id, **body)
    except AwsError as error:
        return Outcome(target, without_frames(error))
    return Outcome(target, None, answer)
