"""Which transport carries a send: libcurl where the extra ``[fast]`` is installed, else boto3."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

from django.core.exceptions import ImproperlyConfigured

from ..conf import conf
from .boto import BotoTransport
from .transport import Transport, WithInProcess, in_process

if TYPE_CHECKING:
    from .pool import Pool

# Servers fork: a connection must not be shared between processes.
_pools: dict[tuple[int, int], Pool] = {}


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
    from .pool import Pool

    key = (os.getpid(), conf.SEND_CONNECTIONS)
    pool = _pools.get(key) or _pools.setdefault(key, Pool(conf.SEND_CONNECTIONS))
    transport = pool.take()
    yield transport
    # Not after an exception: nobody knows what state it is in.
    pool.give_back(transport)


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
