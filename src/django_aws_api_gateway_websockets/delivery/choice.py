"""Which transport carries a send: libcurl where the extra ``[fast]`` is installed, else boto3."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator

from django.core.exceptions import ImproperlyConfigured

from ..conf import conf
from .boto import BotoTransport
from .transport import Transport, WithInProcess, in_process

# libcurl's transports of this process that nobody uses at the moment, with their open connections. The last
# one used is the next one taken, so that a single thread always finds its connections again.
_kept: dict[tuple[int, int], list[Transport]] = {}


@contextmanager
def transport_for_many() -> Iterator[Transport]:
    """A transport for a fan-out: the caller's alone until the block ends."""
    with _transport(conf.SEND_THREADS) as transport:
        yield WithInProcess(transport) if in_process else transport


@contextmanager
def transport_for_one() -> Iterator[Transport]:
    """A transport for a single call."""
    with _transport(1) as transport:
        yield WithInProcess(transport) if in_process else transport


@contextmanager
def _transport(threads: int) -> Iterator[Transport]:
    if not uses_curl():
        yield BotoTransport(threads)
        return
    from .curl import CurlTransport

    # Servers fork: a connection must not be shared between processes.
    kept = _kept.setdefault((os.getpid(), conf.SEND_CONNECTIONS), [])
    try:
        transport = kept.pop()
    except IndexError:
        transport = CurlTransport(conf.SEND_CONNECTIONS)
    yield transport
    # Not after an exception: nobody knows what state it is in.
    kept.append(transport)


def uses_curl() -> bool:
    """Whether libcurl sends: where the setting says so, and by default where it is able to."""
    name = conf.SEND_TRANSPORT
    if name == "boto3":
        return False
    if name not in ("", "curl"):
        raise ImproperlyConfigured(f'WEBSOCKETS["SEND_TRANSPORT"] is {name!r}: "boto3", "curl" or "" are possible.')
    able = _curl_is_able()
    if name == "curl" and not able:
        raise ImproperlyConfigured(
            'WEBSOCKETS["SEND_TRANSPORT"] is "curl", but there is no pycurl with libcurl 8 or newer: '
            "pip install django-aws-api-gateway-websockets[fast]."
        )
    return able


def _curl_is_able() -> bool:
    try:
        from .curl import is_able
    except ImportError:
        return False
    return is_able()
