"""Jobs for the site's task engine. A job carries only keys and ids, and the worker loads the rest."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple, Sequence

from ..conf import conf
from ..delivery.payload import Message
from .batches import batches
from .engines import ENGINES, Job
from .recipients import open_rows
from .rows import ClosedReason, SessionRows


class Chunk(NamedTuple):
    """The arguments of the job ``deliver``: a chunk of a broadcast's recipients, by the primary keys of their rows."""

    broadcast: str
    number: int
    chunks: int
    using: str
    message: str
    has_id: bool
    keys: list[int]


class Socket(NamedTuple):
    """A connection to be closed.

    It does not name its session row, because the row may be deleted together with its user before the job runs.
    """

    connection_id: str
    gateway_id: int
    stage_name: str
    protocol_version: int = 0


class Closing(NamedTuple):
    """The arguments of the job ``disconnect``."""

    using: str
    sockets: list[Socket]
    reason: str = ClosedReason.SITE


def enqueue_broadcast(sessions: SessionRows[Any], message: Message) -> str:
    """Enqueue a send to ``sessions`` in chunks. Return the broadcast's id.

    Sessions that are connected now get the message, if they are still connected when their chunk runs.
    """
    enqueue = ENGINES.find(conf.BACKGROUND)
    broadcast = uuid.uuid4().hex
    keys = list(batches((row[0] for row in open_rows(sessions)), conf.BACKGROUND_CHUNK))
    chunks = [
        Chunk(broadcast, number, len(keys), sessions.write_db, message.data.decode(), message.has_id, chunk)
        for number, chunk in enumerate(keys, 1)
    ]
    enqueue([Job("deliver", list(chunk)) for chunk in chunks])
    return broadcast


def enqueue_closing(using: str, sockets: Sequence[Socket], reason: str) -> None:
    """Enqueue the closing of ``sockets`` for ``reason``."""
    enqueue = ENGINES.find(conf.BACKGROUND)
    chunks = batches(sockets, conf.BACKGROUND_CHUNK)
    enqueue([Job("disconnect", list(Closing(using, chunk, reason))) for chunk in chunks])
