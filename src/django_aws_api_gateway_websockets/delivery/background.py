"""``enqueue_message``: a broadcast in chunks, each a task of the engine that the site already runs.

At least once: a chunk whose worker was killed runs again, and may then reach some of its people twice.
"""

from __future__ import annotations

import importlib
import uuid
from itertools import islice
from typing import TYPE_CHECKING, Any, Iterator, NamedTuple

from django.core.exceptions import ImproperlyConfigured

from ..conf import conf
from ..exceptions import WebSocketsError
from .later import tell
from .send import send_to_many
from .targets import rows

if TYPE_CHECKING:
    from ..models import WebSocketSessionQuerySet

#: WEBSOCKETS["BACKGROUND"] -> the module with ``hand_over(chunks: list[Chunk])`` and, for sockets to be closed,
#: ``hand_over_targets(targets: Sequence[Target])``.
ENGINES = {"celery": ".background_celery", "tasks": ".background_tasks"}


class Chunk(NamedTuple):
    """Some of a broadcast's recipients, as JSON can hold it: the primary keys of their rows."""

    broadcast: str
    number: int
    chunks: int
    using: str
    message: str
    keys: list[int]


def enqueue(sessions: WebSocketSessionQuerySet, encoded: bytes) -> str:
    """Hand a send to ``sessions`` over; returns the broadcast's id. Who is connected now is who gets it."""
    hand_over = engine().hand_over
    broadcast = uuid.uuid4().hex
    key_lists = list(_key_lists(sessions))
    message = encoded.decode()
    hand_over(
        [
            Chunk(broadcast, number, len(key_lists), sessions.write_db, message, keys)
            for number, keys in enumerate(key_lists, 1)
        ]
    )
    return broadcast


def deliver(chunk: Chunk) -> dict[str, Any]:
    """What a worker does: send to those of the chunk who are still connected, and tell."""
    from ..models import WebSocketSession

    sessions = WebSocketSession.objects.using(chunk.using).filter(pk__in=chunk.keys)
    try:
        report = send_to_many(sessions, chunk.message.encode())
    except WebSocketsError as error:
        if error.report is not None:
            tell(WebSocketSession, error.report, chunk.broadcast, chunk.number, chunk.chunks)
        raise
    tell(WebSocketSession, report, chunk.broadcast, chunk.number, chunk.chunks)
    return report.summary()


def engine() -> Any:
    """The module of ``ENGINES`` that the setting names; raises ``ImproperlyConfigured``."""
    name = conf.BACKGROUND
    if name not in ENGINES:
        raise ImproperlyConfigured(
            f'Background work needs WEBSOCKETS["BACKGROUND"], which is {name!r}: "celery" or "tasks".'
        )
    try:
        return importlib.import_module(ENGINES[name], __package__)
    except ImportError as error:
        raise ImproperlyConfigured(f'WEBSOCKETS["BACKGROUND"] is {name!r}, but: {error}') from error


def _key_lists(sessions: WebSocketSessionQuerySet) -> Iterator[list[int]]:
    keys = (row[0] for row in rows(sessions))
    while True:
        chunk = list(islice(keys, conf.BACKGROUND_CHUNK))
        if not chunk:
            return
        yield chunk
