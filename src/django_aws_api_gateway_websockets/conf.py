"""Our settings: one typed line each, read when used, so that ``override_settings`` just works."""

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
        # Anything but a dict is the error websockets.E001, which must come to be shown.
        return options.get(self.name, self.default) if isinstance(options, dict) else self.default


class Conf:
    #: Refuse events that do not carry the secret of their gateway.
    REQUIRE_SECRET = Option(True)
    #: Origins beside this site's own and ``CSRF_TRUSTED_ORIGINS`` whose pages may open sockets.
    ALLOWED_ORIGINS: Option[Sequence[str]] = Option(())
    #: Refuse handshakes without an ``Origin``, as clients send that are no browsers.
    REQUIRE_ORIGIN = Option(True)
    #: Hosts that gateways and additional routes may send events to; None: ``ALLOWED_HOSTS``.
    ALLOWED_TARGET_HOSTS: Option[Sequence[str] | None] = Option(None)
    #: Custom domains that gateways may take, and hosted zones that they may write into; None: any.
    ALLOWED_DOMAINS: Option[Sequence[str] | None] = Option(None)
    ALLOWED_HOSTED_ZONES: Option[Sequence[str] | None] = Option(None)
    #: Where commands and the admin find the APIs of gateway rows that are marked as local.
    LOCAL_GATEWAY = Option("http://127.0.0.1:8001")
    #: Seconds for which a connect token may be used.
    CONNECT_TOKEN_MAX_AGE = Option(60)
    #: The alias in ``CACHES`` where tokens are spent and events counted.
    CACHE = Option("default")
    #: How many events are accepted, as ``"LIMIT/SECONDSs"``; None: any number.
    CONNECTS_PER_IP: Option[str | None] = Option("600/60s")
    CONNECTS_PER_USER: Option[str | None] = Option("120/60s")
    MESSAGES_PER_CONNECTION: Option[str | None] = Option("600/60s")
    #: How deep the JSON of a message may nest.
    MAX_JSON_DEPTH = Option(64)
    #: Seconds for which the view remembers the id of a request, so that a repeated request runs once.
    REQUEST_MEMORY = Option(300)
    #: Close the sockets opened under a session whose row is deleted. Read once, at start-up.
    CLOSE_ON_SESSION_DELETE = Option(True)
    #: Keep the address and browser of a connection in its row; the seconds after which the clean-up empties both.
    RECORD_CLIENT = Option(True)
    CLIENT_MAX_AGE = Option(30 * 24 * 3600)
    #: Count connects, messages and ends in the cache, for the admin's page "Live".
    COUNT_EVENTS = Option(True)
    #: Seconds between two writes of a connection's ``last_activity_on``.
    ACTIVITY_INTERVAL = Option(60)
    #: Seconds to wait for AWS to accept a connection, and to answer, when sending.
    SEND_CONNECT_TIMEOUT = Option(2.0)
    SEND_READ_TIMEOUT = Option(5.0)
    #: How many sends of one fan-out are under way at once: by boto3, and by libcurl.
    SEND_THREADS = Option(32)
    SEND_CONNECTIONS = Option(256)
    #: "boto3", "curl" or the dotted path of your own; empty: libcurl if the extra [fast] is installed.
    SEND_TRANSPORT = Option("")
    #: Seconds that a send to many may take in all, and sends per second; None: no limit.
    SEND_DEADLINE: Option[float | None] = Option(None)
    SEND_RATE: Option[float | None] = Option(None)
    #: Seconds that a page waits, such as a logout, for AWS to close sockets.
    CLOSE_DEADLINE = Option(2.0)
    #: What turns the data of send_message into text: "json" or the dotted path of your own function.
    MESSAGE_ENCODER = Option("json")
    #: The key under which each message carries an id of its own, by which a client drops repetitions; empty: none.
    MESSAGE_ID_KEY = Option("")
    #: What runs enqueue_message: "celery", "tasks" for Django's tasks, or the dotted path of your own; and how many
    #: recipients one task has.
    BACKGROUND = Option("")
    BACKGROUND_CHUNK = Option(1000)
    #: Seconds after which a Django task that still runs is taken for dead and its chunk sent again.
    BACKGROUND_LEASE = Option(120.0)

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The keys that ``settings.WEBSOCKETS`` may have."""
        return tuple(name for name, value in vars(cls).items() if isinstance(value, Option))


conf = Conf()


def aws_setting(*names: str) -> str | None:
    """The first of the named top-level settings that has a value."""
    values: tuple[Any, ...] = tuple(getattr(settings, name, None) for name in names)
    return next((str(value) for value in values if value), None)
