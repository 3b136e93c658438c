"""What goes wrong between a site and its clients, by name."""

from __future__ import annotations

from typing import Any, Iterable, Protocol

from django.http import HttpResponse

from ..aws import from_status, timed_out
from ..exceptions import AwsError

_OPERATION = "post to connection"


class Socket(Protocol):
    """What a fault needs of a socket."""

    fault: Fault | None

    def vanish(self) -> None: ...

    def age(self) -> None: ...

    def disconnect(self) -> HttpResponse: ...

    def repeat_connect(self, user: Any = ..., channel: str | None = ...) -> HttpResponse: ...


class Fault:
    """An answer of ``@connections``: ``status``, or none in time, for the next ``times`` sends (None: all)."""

    def __init__(self, status: int | None, times: int | None = None) -> None:
        self._status, self._times = status, times

    @property
    def delivers(self) -> bool:
        """Whether the message arrives all the same: AWS was only too late to say so."""
        return self._status is None

    def error(self) -> AwsError | None:
        """Return what this send raises."""
        if self._times == 0:
            return None
        if self._times is not None:
            self._times -= 1
        return timed_out(_OPERATION) if self._status is None else from_status(_OPERATION, self._status)


class Faults:
    """Faults by name, for the sockets of a client. Each takes the sockets that it is for; by default all."""

    def _sockets(self) -> Iterable[Socket]:
        raise NotImplementedError

    def lost_disconnect(self, *sockets: Socket) -> None:
        """The clients are gone, and ``$disconnect`` never comes. The rows still say connected."""
        for socket in self._chosen(sockets):
            socket.age()
            socket.vanish()

    def gone(self, *sockets: Socket) -> None:
        """Sends are answered with 410, as for a connection that API Gateway does not know any more."""
        for socket in self._chosen(sockets):
            socket.age()
        self._give(sockets, Fault(410))

    def throttled(self, *sockets: Socket, times: int | None = None) -> None:
        """Sends are answered with 429: the account's limit. ``times``: only the next ones."""
        self._give(sockets, Fault(429, times))

    def slow_consumer(self, *sockets: Socket) -> None:
        """Sends to these connections are answered with 429: the client does not read. Others are not affected."""
        self._give(sockets, Fault(429))

    def timeout(self, *sockets: Socket) -> None:
        """API Gateway delivers each message, and its answer does not come in time."""
        self._give(sockets, Fault(None))

    def duplicate_connect(self, *sockets: Socket) -> list[HttpResponse]:
        """``$connect`` arrives a second time, as after a retry. Return the view's answers."""
        return [socket.repeat_connect() for socket in self._chosen(sockets)]

    def two_hours_later(self, *sockets: Socket) -> None:
        """API Gateway closes the connections, as it does after two hours, and calls ``$disconnect``."""
        for socket in self._chosen(sockets):
            socket.disconnect()

    def recover(self, *sockets: Socket) -> None:
        """Sends work again."""
        for socket in self._chosen(sockets):
            socket.fault = None

    def _chosen(self, sockets: Iterable[Socket]) -> list[Socket]:
        return list(sockets) or list(self._sockets())

    def _give(self, sockets: Iterable[Socket], fault: Fault) -> None:
        for socket in self._chosen(sockets):
            socket.fault = fault
