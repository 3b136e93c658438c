"""Chunks as Celery tasks. A worker finds the task because ``tasks.py`` of this app is autodiscovered."""

from __future__ import annotations

from typing import Any, Sequence

from celery import shared_task

from .background import Chunk, deliver
from .disconnect import disconnect
from .transport import Target


# Acknowledged when done: a chunk whose worker was killed goes back to the queue.
@shared_task(  # type: ignore[untyped-decorator]
    name="django_aws_api_gateway_websockets.deliver", acks_late=True, reject_on_worker_lost=True
)
def deliver_chunk(*chunk: Any) -> dict[str, Any]:
    return deliver(Chunk(*chunk))


def hand_over(chunks: list[Chunk]) -> None:
    """Publish ``chunks`` to the site's Celery app."""
    for chunk in chunks:
        deliver_chunk.delay(*chunk)


@shared_task(  # type: ignore[untyped-decorator]
    name="django_aws_api_gateway_websockets.disconnect", acks_late=True, reject_on_worker_lost=True
)
def disconnect_targets(targets: list[list[str]]) -> None:
    disconnect([Target(*target) for target in targets])


def hand_over_targets(targets: Sequence[Target]) -> None:
    """Publish one task that closes the sockets of ``targets``."""
    disconnect_targets.delay([list(target) for target in targets])
