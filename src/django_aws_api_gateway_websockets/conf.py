"""The package's settings: one typed line for each. They are read when used, so ``override_settings`` works."""

from __future__ import annotations

from typing import Any, Generic, Sequence, TypeVar, overload

from django.conf import settings

T = TypeVar("T")

SETTING = "WEBSOCKETS"


class Option(Generic[T]):
    """A key of the dict ``settings.WEBSOCKETS`` and its default."""

    def __init__(self, default: T) -> None:
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Option[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Option[T] | T:
        if instance is None:
            return self
        options: dict[str, T] = getattr(settings, SETTING, {})
        # Fall back to the default if WEBSOCKETS is not a dict, so that the check websockets.E001 can run and report it.
        return options.get(self.name, self.default) if isinstance(options, dict) else self.default


class Conf:
    #: Refuse events that do not carry the secret of their gateway.
    REQUIRE_SECRET = Option(True)
    #: Origins whose pages may open sockets, besides the site's own and those in ``CSRF_TRUSTED_ORIGINS``.
    ALLOWED_ORIGINS: Option[Sequence[str]] = Option(())
    #: Refuse handshakes without an ``Origin``. Clients that are not browsers usually send none.
    REQUIRE_ORIGIN = Option(True)
    #: Hosts that gateways and additional routes may send events to. None means ``ALLOWED_HOSTS``.
    ALLOWED_TARGET_HOSTS: Option[Sequence[str] | None] = Option(None)
    #: Custom domains that gateways may use, and hosted zones that they may change. None allows all.
    ALLOWED_DOMAINS: Option[Sequence[str] | None] = Option(None)
    ALLOWED_HOSTED_ZONES: Option[Sequence[str] | None] = Option(None)
    #: The URL where commands and the admin reach the APIs of gateways that are marked as local.
    LOCAL_GATEWAY = Option("http://127.0.0.1:8001")
    #: The lifetime of a connect token in seconds.
    CONNECT_TOKEN_MAX_AGE = Option(60)
    #: The alias in ``CACHES`` for used tokens and for rate limits.
    CACHE = Option("default")
    #: The number of accepted events, as ``"LIMIT/SECONDSs"``. None sets no limit.
    CONNECTS_PER_IP: Option[str | None] = Option("600/60s")
    CONNECTS_PER_USER: Option[str | None] = Option("120/60s")
    MESSAGES_PER_CONNECTION: Option[str | None] = Option("600/60s")
    #: The deepest nesting that the JSON of a message may have.
    MAX_JSON_DEPTH = Option(64)
    #: Seconds for which the view remembers a request id, so that a repeated request runs only once.
    REQUEST_MEMORY = Option(300)
    #: The channels that have a history, by name or pattern, and the limits of each history.
    HISTORY: Option[dict[str, dict[str, int]]] = Option({})
    #: Close the sockets opened under a session when its row is deleted. Read once, at start-up.
    CLOSE_ON_SESSION_DELETE = Option(True)
    #: Keep the address and browser of a connection in its row; the seconds after which the clean-up empties both.
    RECORD_CLIENT = Option(True)
    CLIENT_MAX_AGE = Option(30 * 24 * 3600)
    #: Count connects, messages and ends in the cache, for the admin's page "Live".
    COUNT_EVENTS = Option(True)
    #: Patterns of the channels whose pages get the users of the channel; the function that returns the data of a user
    #: for these pages; and the seconds that a user can be absent before ``user_left`` and ``user_offline`` are sent.
    PRESENCE_CHANNELS: Option[Sequence[str]] = Option(())
    PRESENCE_USER = Option("username")
    PRESENCE_GRACE = Option(15.0)
    #: Seconds between two writes of a connection's ``last_activity_on``.
    ACTIVITY_INTERVAL = Option(60)
    #: Seconds to wait for AWS to accept a connection, and seconds to wait for its answer, when sending.
    SEND_CONNECT_TIMEOUT = Option(2.0)
    SEND_READ_TIMEOUT = Option(5.0)
    #: How many calls of one send may run at once: with boto3, and with libcurl.
    SEND_THREADS = Option(32)
    SEND_CONNECTIONS = Option(256)
    #: "boto3", "curl" or a dotted path. If empty, libcurl sends if the extra [fast] is installed.
    SEND_TRANSPORT = Option("")
    #: Seconds that a send to many may take in total, and its sends per second. None sets no limit.
    SEND_DEADLINE: Option[float | None] = Option(None)
    SEND_RATE: Option[float | None] = Option(None)
    #: Seconds that a page, such as a logout, waits for AWS to close sockets.
    CLOSE_DEADLINE = Option(2.0)
    #: "json" or the dotted path of a function that turns the data of send_message into text.
    MESSAGE_ENCODER = Option("json")
    #: Whether each sent dict gets a random id under the key ``_ws``, so that clients can drop repetitions.
    MESSAGE_IDS = Option(False)
    #: "celery", "tasks" for Django's tasks, or the dotted path of your own engine, for enqueue_message; and how many
    #: recipients each task has.
    BACKGROUND = Option("")
    BACKGROUND_CHUNK = Option(1000)
    #: Seconds after which a Django task that is still running counts as dead and its chunk is sent again.
    BACKGROUND_LEASE = Option(120.0)

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The keys that ``settings.WEBSOCKETS`` may have."""
        return tuple(name for name, value in vars(cls).items() if isinstance(value, Option))


conf = Conf()


def aws_setting(*names: str) -> str | None:
    """Return the first of the given top-level settings that has a value."""
    values: tuple[Any, ...] = tuple(getattr(settings, name, None) for name in names)
    return next((str(value) for value in values if value), None)
