"""Failures between a site and its clients, by name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Iterable, Protocol

from django.http import HttpResponse

from ..aws import from_status, timed_out
from ..exceptions import AwsError

_OPERATION = "post to connection"


class Socket(Protocol):
    """The part of a socket that faults use."""

    fault: Fault | None

    def vanish(self) -> None: ...

    def age(self) -> None: ...

    def travel(self, duration: timedelta) -> None: ...

    def disconnect(self) -> HttpResponse: ...

    def repeat_connect(self, user: Any = ..., channel: str | None = ...) -> HttpResponse: ...


class Fault:
    """A fault of ``@connections``.

    ``status`` answers the next ``times`` sends (None: all). Without a status, no answer comes in time.
    """

    def __init__(self, status: int | None, times: int | None = None) -> None:
        self._status, self._times = status, times

    @property
    def delivers(self) -> bool:
        """Whether the message arrives anyway, because AWS only answered too late."""
        return self._status is None

    def error(self) -> AwsError | None:
        """Return the error that this send raises."""
        if self._times == 0:
            return None
        if self._times is not None:
            self._times -= 1
        return timed_out(_OPERATION) if self._status is None else from_status(_OPERATION, self._status)


class Faults:
    """Faults by name, for the sockets of a client.

    Each method takes the sockets it affects; by default, all of them.
    """

    def _sockets(self) -> Iterable[Socket]:
        raise NotImplementedError

    def lost_disconnect(self, *sockets: Socket) -> None:
        """Drop the clients without a ``$disconnect``. Their rows are still marked as connected."""
        for socket in self._chosen(sockets):
            socket.age()
            socket.vanish()

    def gone(self, *sockets: Socket) -> None:
        """Answer sends with 410, as for a connection that API Gateway no longer knows."""
        for socket in self._chosen(sockets):
            socket.age()
        self._give(sockets, Fault(410))

    def throttled(self, *sockets: Socket, times: int | None = None) -> None:
        """Answer sends with 429, because of the account's limit. ``times`` limits this to the next sends."""
        self._give(sockets, Fault(429, times))

    def slow_consumer(self, *sockets: Socket) -> None:
        """Answer sends to these connections with 429, because the client does not read.

        Other connections are not affected.
        """
        self._give(sockets, Fault(429))

    def timeout(self, *sockets: Socket) -> None:
        """Deliver each message, but lose API Gateway's answer."""
        self._give(sockets, Fault(None))

    def duplicate_connect(self, *sockets: Socket) -> list[HttpResponse]:
        """Deliver ``$connect`` a second time, as after a retry. Return the view's responses."""
        return [socket.repeat_connect() for socket in self._chosen(sockets)]

    def two_hours_later(self, *sockets: Socket) -> None:
        """Close the connections as API Gateway does after two hours, and call ``$disconnect``."""
        for socket in self._chosen(sockets):
            socket.disconnect()

    def travel(self, duration: timedelta, *sockets: Socket) -> None:
        """Let time pass. API Gateway closes connections that have been idle for 10 minutes or open for 2 hours."""
        for socket in self._chosen(sockets):
            socket.travel(duration)

    def recover(self, *sockets: Socket) -> None:
        """Sends work again."""
        for socket in self._chosen(sockets):
            socket.fault = None

    def _chosen(self, sockets: Iterable[Socket]) -> list[Socket]:
        return list(sockets) or list(self._sockets())

    def _give(self, sockets: Iterable[Socket], fault: Fault) -> None:
        for socket in self._chosen(sockets):
            socket.fault = fault
