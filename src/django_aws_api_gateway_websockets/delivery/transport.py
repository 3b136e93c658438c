"""The seam between the engine and what carries its calls: boto3, libcurl, or a gateway in this process."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Protocol
from weakref import WeakValueDictionary

from ..exceptions import AwsError, WebSocketsError


class Target(NamedTuple):
    """A connection and the URL of the stage that holds it."""

    connection_id: str
    url: str
    #: Why there is no URL; ``url`` then only names the stage.
    problem: WebSocketsError | None = None


class Call(NamedTuple):
    """What to ask of ``@connections``: AWS's name of the operation, its HTTP method, and the bytes to post."""

    operation: str
    method: str
    verb: str  # for error messages: "send to"
    data: bytes = b""

    def describe(self, target: Target) -> str:
        return f"{self.verb} the connection {target.connection_id}"


def post(data: bytes) -> Call:
    return Call("PostToConnection", "POST", "send to", data)


DELETE = Call("DeleteConnection", "DELETE", "disconnect")
GET = Call("GetConnection", "GET", "look up")


class Outcome(NamedTuple):
    """What became of one target: no error means that AWS did it."""

    target: Target
    error: AwsError | None


class Transport(Protocol):
    """Carries one call to many targets: ``submit`` up to ``slots`` of them, then collect what has ``finished``.

    Used by one thread at a time. A transport does not retry, and raises nothing for one target's failure.
    """

    @property
    def slots(self) -> int:
        """How many calls may be under way now."""
        ...

    def begin(self, call: Call) -> None:
        """``call`` is what the targets submitted from now on get."""

    def submit(self, target: Target) -> None:
        """Start the call to ``target``."""

    def finished(self, timeout: float) -> list[Outcome]:
        """What has finished; waits up to ``timeout`` seconds for the first."""
        ...

    def end(self) -> None:
        """Let go of what is still under way, and keep connections for the next call."""


#: What stands for a gateway in this process: it does ``call`` to ``target``, or raises ``AwsError``.
InProcess = Callable[[Target, Call], Any]

#: Gateways of this process, by their connections URL: what a test client registers, for as long as it holds them.
in_process: WeakValueDictionary[str, InProcess] = WeakValueDictionary()


class WithInProcess:
    """Calls to gateways of this process are done at once; the others go to the transport behind."""

    def __init__(self, behind: Transport) -> None:
        self._behind = behind
        self._done: list[Outcome] = []

    @property
    def slots(self) -> int:
        return self._behind.slots

    def begin(self, call: Call) -> None:
        self._call = call
        self._behind.begin(call)

    def submit(self, target: Target) -> None:
        gateway = in_process.get(target.url)
        if gateway is None:
            self._behind.submit(target)
        else:
            self._done.append(Outcome(target, _error_of(gateway, target, self._call)))

    def finished(self, timeout: float) -> list[Outcome]:
        if self._done:
            done, self._done = self._done, []
            return done
        return self._behind.finished(timeout)

    def end(self) -> None:
        self._behind.end()


def _error_of(gateway: InProcess, target: Target, call: Call) -> AwsError | None:
    try:
        gateway(target, call)
    except AwsError as error:
        return error
    return None
