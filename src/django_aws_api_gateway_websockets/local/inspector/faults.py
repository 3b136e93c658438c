"""Faults on request, by a click or by a seed: pushes that fail, connections that end, and a site that is away."""

from __future__ import annotations

import random
import time
from typing import NamedTuple

from ..error_answers import ApiError, Gone, LimitExceeded

#: Faults of the next push.
PUSH_FAULTS = ("gone", "slow", "throttled", "error", "hang")
#: Faults of a connection that take effect at once.
CONNECTION_FAULTS = ("cut", "age", "idle", "deploy")

#: Seconds for which a push hangs. boto3 gives up before that.
HANG_SECONDS = 30.0
#: Seconds for which the site is away during a deployment.
DEPLOY_SECONDS = 3.0

# How often chaos plays a fault.
_PUSH_RATE, _MESSAGE_RATE = 0.10, 0.03


class Armed(NamedTuple):
    """A fault that waits for pushes. ``lasting`` faults stay until they are cleared. Others break one push."""

    name: str
    lasting: bool


class Faults:
    """The armed faults, by connection id. The id ``""`` means every connection."""

    def __init__(self) -> None:
        self._pushes: dict[str, Armed] = {}
        self._away_until: dict[str, float] = {}

    def arm(self, name: str, connection_id: str, lasting: bool) -> None:
        """Break the next push to this connection, or every push until :meth:`clear`."""
        self._pushes[connection_id] = Armed(name, lasting)

    def forget(self, connection_id: str) -> None:
        """Drop the faults of a connection that has ended."""
        self._pushes.pop(connection_id, None)
        self._away_until.pop(connection_id, None)

    def clear(self) -> None:
        self._pushes.clear()
        self._away_until.clear()

    def take(self, connection_id: str) -> str:
        """Return the fault for a push that happens now, or an empty string."""
        for target in (connection_id, ""):
            armed = self._pushes.get(target)
            if armed is not None:
                if not armed.lasting:
                    del self._pushes[target]
                return armed.name
        return ""

    def deploy(self, connection_id: str) -> None:
        """Make the site unreachable for a moment."""
        self._away_until[connection_id] = time.monotonic() + DEPLOY_SECONDS

    def site_is_away(self, connection_id: str) -> bool:
        if not self._away_until:
            return False
        return any(self._away_until.get(target, 0.0) > time.monotonic() for target in (connection_id, ""))

    def armed(self) -> list[dict[str, object]]:
        """Return the faults that are still waiting, for the page."""
        found: list[dict[str, object]] = [
            {"name": armed.name, "connection": target, "lasting": armed.lasting}
            for target, armed in self._pushes.items()
        ]
        now = time.monotonic()
        found += [
            {"name": "deploy", "connection": target, "lasting": False}
            for target, until in self._away_until.items()
            if until > now
        ]
        return found


def push_error(name: str) -> ApiError:
    """Return the answer of ``@connections`` for a push fault."""
    if name == "gone":
        return Gone("Gone")
    if name == "slow":
        return LimitExceeded("The client's send buffer is full")
    if name == "throttled":
        return LimitExceeded("Too Many Requests")
    return ApiError("Internal server error")


class Chaos:
    """Chooses faults by a seed.

    A choice depends on the seed, the connection's place in the order of handshakes, and the number of its push or
    message. The same run therefore meets the same faults, however fast it is.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._order: dict[str, int] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def opened(self, connection_id: str) -> None:
        self._order.setdefault(connection_id, len(self._order) + 1)

    def push_fault(self, connection_id: str) -> str:
        """Return the fault for the next push to this connection, or an empty string."""
        return self._choose("push", connection_id, _PUSH_RATE, PUSH_FAULTS)

    def message_fault(self, connection_id: str) -> str:
        """Return what happens to the connection after its next message, or an empty string."""
        return self._choose("message", connection_id, _MESSAGE_RATE, CONNECTION_FAULTS)

    def _choose(self, what: str, connection_id: str, rate: float, names: tuple[str, ...]) -> str:
        place = self._order.get(connection_id)
        if place is None:
            return ""
        number = self._counts[what, connection_id] = self._counts.get((what, connection_id), 0) + 1
        dice = random.Random(f"{self.seed}/{what}/{place}/{number}")  # noqa: S311  repeatable, not secret
        return dice.choice(names) if dice.random() < rate else ""
