"""Work that the task engine of the site does later: a job carries keys and ids only, and the worker loads the rest."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple, Sequence

from ..conf import conf
from ..delivery.payload import Message
from ..registry import Registry
from .batches import batches
from .recipients import connected_rows
from .rows import ClosedReason, SessionRows

#: What ``WEBSOCKETS["BACKGROUND"]`` may name: a function ``(jobs: Sequence[Job]) -> None`` that hands jobs to workers,
#: which call ``background.work.run(job)``.
ENGINES = Registry(
    "BACKGROUND",
    {
        "celery": "django_aws_api_gateway_websockets.background.celery_engine.enqueue",
        "tasks": "django_aws_api_gateway_websockets.background.django_tasks.enqueue",
    },
)


class Job(NamedTuple):
    """One task for a worker. JSON can hold both fields."""

    name: str  #: of ``background.work.JOBS``
    arguments: Sequence[Any]


class Chunk(NamedTuple):
    """The arguments of the job ``deliver``: some of a broadcast's recipients, by the primary keys of their rows."""

    broadcast: str
    number: int
    chunks: int
    using: str
    message: str
    has_id: bool
    keys: list[int]


class Socket(NamedTuple):
    """A connection to be closed.

    It does not name its session row, which may be deleted together with its user before the job runs.
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
    """Hand a send to ``sessions`` over in chunks. Return the broadcast's id.

    Sessions that are connected now get the message, if they still are when their chunk runs.
    """
    enqueue = ENGINES.find(conf.BACKGROUND)
    broadcast = uuid.uuid4().hex
    keys = list(batches((row[0] for row in connected_rows(sessions)), conf.BACKGROUND_CHUNK))
    chunks = [
        Chunk(broadcast, number, len(keys), sessions.write_db, message.data.decode(), message.has_id, chunk)
        for number, chunk in enumerate(keys, 1)
    ]
    enqueue([Job("deliver", list(chunk)) for chunk in chunks])
    return broadcast


def enqueue_closing(using: str, sockets: Sequence[Socket], reason: str) -> None:
    """Hand the closing of ``sockets`` for ``reason`` over."""
    enqueue = ENGINES.find(conf.BACKGROUND)
    chunks = batches(sockets, conf.BACKGROUND_CHUNK)
    enqueue([Job("disconnect", list(Closing(using, chunk, reason))) for chunk in chunks])
