"""The seam between the engine and what carries its calls: boto3, libcurl, a gateway in this process, or your own."""

from __future__ import annotations

from typing import Any, Callable, ContextManager, NamedTuple, Protocol
from weakref import WeakValueDictionary

from ..exceptions import AwsError, WebSocketsError


class Target(NamedTuple):
    """A connection and the URL of the stage that holds it."""

    connection_id: str
    url: str
    #: Why there is no URL; ``url`` then only tells the stages apart.
    problem: WebSocketsError | None = None


class Call(NamedTuple):
    """What to ask of ``@connections``."""

    operation: str  #: AWS's name of it, such as ``PostToConnection``
    method: str  #: the HTTP method
    verb: str  #: for error messages, such as "send to"
    data: bytes = b""  #: the body
    repeatable: bool = True  #: whether a second delivery does no harm

    def __repr__(self) -> str:  # without the message: error pages show the repr of every local
        return f"<{self.operation}, {len(self.data)} bytes>"

    def describe(self, target: Target) -> str:
        """Say in an error message what was being done."""
        return f"{self.verb} the connection {target.connection_id}"


def post(data: bytes, repeatable: bool) -> Call:
    """The call that sends ``data``. It is repeatable if clients drop a message whose id they have seen."""
    return Call("PostToConnection", "POST", "send to", data, repeatable)


DELETE = Call("DeleteConnection", "DELETE", "disconnect")
GET = Call("GetConnection", "GET", "look up")


class Outcome(NamedTuple):
    """What became of one target. No error means that AWS did what was asked."""

    target: Target
    error: AwsError | None = None
    #: What AWS answered to ``GET``, by the names of boto3: ``ConnectedAt``, ``Identity`` and so on.
    answer: Any = None


class Transport(Protocol):
    """Carries one call to many targets: ``submit`` up to ``slots`` of them, then collect what has ``finished``.

    One thread uses it. A transport never retries, and raises nothing because of one target.
    """

    @property
    def slots(self) -> int:
        """How many targets may be under way now."""
        ...

    def submit(self, target: Target) -> None:
        """Start the call to ``target``."""

    def finished(self, timeout: float) -> list[Outcome]:
        """Return what has finished since the last time; wait up to ``timeout`` seconds for the first."""
        ...


#: Opens a transport for one call; the flag is True if the call goes to many targets. Whatever is still under way when
#: the block ends is let go.
TransportFactory = Callable[[Call, bool], ContextManager[Transport]]

#: Stands for a gateway in this process: it does ``call`` to ``target`` and returns an answer, or raises ``AwsError``.
InProcess = Callable[[Target, Call], Any]

#: Gateways of this process by their connections URL. A test client registers one for as long as it holds it.
in_process: WeakValueDictionary[str, InProcess] = WeakValueDictionary()


class WithInProcess:
    """Does calls to gateways of this process at once, and gives all others to the transport ``behind``."""

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
