"""The choice of a transport: the one that ``SEND_TRANSPORT`` names, or the fastest one that works here."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from functools import lru_cache
from typing import Iterator, cast

from ..conf import conf
from ..registry import Registry
from .transport import Call, Transport, TransportFactory, WithInProcess, in_process

logger = logging.getLogger("django_aws_api_gateway_websockets.delivery")

#: What ``WEBSOCKETS["SEND_TRANSPORT"]`` may name: a ``TransportFactory``.
TRANSPORTS = Registry(
    "SEND_TRANSPORT",
    {
        "boto3": "django_aws_api_gateway_websockets.delivery.boto.boto3_transport",
        "curl": "django_aws_api_gateway_websockets.delivery.curl_pool.curl_transport",
    },
)


@contextmanager
def open_transport(call: Call, *, many: bool) -> Iterator[Transport]:
    """Open the transport that carries ``call`` to one target or to many. No other send uses the transport meanwhile."""
    with transport_factory()(call, many) as transport:
        yield WithInProcess(transport, call) if in_process else transport


def transport_factory() -> TransportFactory:
    """Return a function that opens a transport.

    Raise ``ImproperlyConfigured`` if the setting names nothing that works.
    """
    name = wanted_transport()
    library = sockets_patched_by()
    if name == "curl" and library:
        _warn_of(library)
        name = "boto3"
    return cast("TransportFactory", TRANSPORTS.find(name))


def wanted_transport() -> str:
    """Return the transport that the setting names, or else the fastest one that is installed."""
    return conf.SEND_TRANSPORT or ("curl" if has_curl() else "boto3")


@lru_cache(maxsize=None)
def has_curl() -> bool:
    """Return whether the extra ``[fast]`` is installed with a recent enough libcurl."""
    try:
        from . import curl  # noqa: F401
    except ImportError:
        return False
    return True


def sockets_patched_by() -> str:
    """Return "gevent" or "eventlet" if it has replaced Python's sockets, or else an empty string.

    libcurl does not use the replaced sockets, so a send would block every greenlet of the worker.
    """
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if gevent is not None and gevent.is_module_patched("socket"):
        return "gevent"
    if eventlet is not None and eventlet.is_monkey_patched("socket"):
        return "eventlet"
    return ""


@lru_cache(maxsize=None)
def _warn_of(library: str) -> None:
    logger.warning("%s has replaced the sockets of this process, so boto3 sends instead of libcurl.", library)
