"""The options of the gateway: one immutable value, from the command line or from a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Tuple
from urllib.parse import urlsplit

from ..answers import DEFAULTS, Answers
from ..protocol import IDLE_TIMEOUT, INTEGRATION_TIMEOUT, MAX_CONNECTION_AGE

if TYPE_CHECKING:
    from pathlib import Path

#: Addresses that mean "every interface". No client can connect to them by that name.
_EVERY_INTERFACE = ("0.0.0.0", "::", "")  # noqa: S104
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Options(NamedTuple):
    """Times are in seconds.

    ``public_url`` is the beginning of ``ApiEndpoint``. See :func:`check_public_url`. ``events`` is a file that gets
    each event as a JSON line. ``chaos`` is the seed that selects faults. ``answers`` decide what the gateway does if
    AWS does not document it.
    """

    host: str = "127.0.0.1"
    port: int = 8001
    state: Path | None = None
    idle_timeout: float = IDLE_TIMEOUT
    max_connection_age: float = MAX_CONNECTION_AGE
    integration_timeout: float = INTEGRATION_TIMEOUT
    public_url: str | None = None
    allowed_hosts: Tuple[str, ...] = ()
    inspector: bool = False
    events: Path | None = None
    chaos: int | None = None
    answers: Answers = DEFAULTS

    @property
    def observed(self) -> bool:
        """Whether events are recorded: for the page, for a file, or to play faults by a seed."""
        return self.inspector or self.events is not None or self.chaos is not None

    @property
    def address(self) -> str:
        """The ``HOST:PORT`` at which this machine reaches the gateway."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def public(self) -> PublicAddress:
        """The address at which clients reach the gateway: the public URL if there is one, or else where it listens."""
        return PublicAddress.of(self.public_url or f"http://{self.address}")

    @property
    def needs_public_url(self) -> bool:
        """Whether the gateway cannot know an address that its clients can use."""
        return self.host in _EVERY_INTERFACE and self.public_url is None


class PublicAddress(NamedTuple):
    """``scheme`` is ``http`` or ``https``; ``netloc`` is ``HOST[:PORT]``."""

    scheme: str
    netloc: str
    port: int

    @classmethod
    def of(cls, url: str) -> PublicAddress:
        parts = urlsplit(url)
        return cls(parts.scheme, parts.netloc, parts.port or _DEFAULT_PORTS[parts.scheme])

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def websocket_url(self) -> str:
        return f"{'wss' if self.scheme == 'https' else 'ws'}://{self.netloc}"
