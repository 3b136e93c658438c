"""The interface between the engine and its transports: boto3, libcurl, a gateway in this process, or your own."""

from __future__ import annotations

from typing import Any, Callable, ContextManager, NamedTuple, Protocol
from weakref import WeakValueDictionary

from ..exceptions import AwsError, WebSocketsError


class Target(NamedTuple):
    """A connection and the URL of the stage that holds it."""

    connection_id: str
    url: str
    #: Why there is no URL. ``url`` then only distinguishes the stages.
    problem: WebSocketsError | None = None


class Call(NamedTuple):
    """The call to make to ``@connections``."""

    operation: str  #: AWS's name for it, such as ``PostToConnection``
    method: str  #: the HTTP method
    verb: str  #: for error messages, such as "send to"
    data: bytes = b""  #: the body
    repeatable: bool = True  #: whether delivering it twice is harmless

    def __repr__(self) -> str:  # leaves out the message, because error pages show the repr of every local
        return f"<{self.operation}, {len(self.data)} bytes>"

    def describe(self, target: Target) -> str:
        """Return what was being done, for an error message."""
        return f"{self.verb} the connection {target.connection_id}"


def post(data: bytes, repeatable: bool) -> Call:
    """Return the call that sends ``data``. It is repeatable if clients drop messages whose id they have seen."""
    return Call("PostToConnection", "POST", "send to", data, repeatable)


DELETE = Call("DeleteConnection", "DELETE", "disconnect")
GET = Call("GetConnection", "GET", "look up")


class Outcome(NamedTuple):
    """The result for one target. Without an error, AWS did what was asked."""

    target: Target
    error: AwsError | None = None
    #: AWS's answer to ``GET``, with boto3's names: ``ConnectedAt``, ``Identity`` and so on.
    answer: Any = None


class Transport(Protocol):
    """Carries one call to many targets. ``submit`` up to ``slots`` of them, then collect those that have ``finished``.

    Only one thread uses a transport. It never retries, and it does not raise an error because of one target.
    """

    @property
    def slots(self) -> int:
        """How many targets may be in progress now."""
        ...

    def submit(self, target: Target) -> None:
        """Start the call to ``target``."""

    def finished(self, timeout: float) -> list[Outcome]:
        """Return the results since the last call. Wait up to ``timeout`` seconds for the first one."""
        ...


#: Opens a transport for one call. The flag is True if the call goes to many targets. When the block ends, calls that
#: are still in progress are abandoned.
TransportFactory = Callable[[Call, bool], ContextManager[Transport]]

#: Stands for a gateway in this process. It makes ``call`` to ``target`` and returns an answer, or raises ``AwsError``.
InProcess = Callable[[Target, Call], Any]

#: Gateways in this process, by their connections URL. A test client registers its gateway while it uses it.
in_process: WeakValueDictionary[str, InProcess] = WeakValueDictionary()


class WithInProcess:
    """Makes calls to gateways in this process itself, and passes all others to the transport ``behind``."""

    def __init__(self, behind: Transport, call: Call) -> None:
        self._behind = behind
        self._call = call
        self._done: list[Outcome] = []

    @property
    def slots(self) -> int:
        return self._behind.slots

    def submit(self, target: Target) -> None:
        gateway = in_process.get(target.url)
        if gateway is None:
            self._behind.submit(target)
            return
        try:
            self._done.append(Outcome(target, None, gateway(target, self._call)))
        except AwsError as error:
            self._done.append(Outcome(target, error))

    def finished(self, timeout: float) -> list[Outcome]:
        if self._done:
            done, self._done = self._done, []
            return done
        return self._behind.finished(timeout)
