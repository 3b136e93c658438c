"""Chunks as Django tasks: ``django.tasks`` of Django 6, or the ``django-tasks`` backport.

The database backend leaves a task whose worker was killed as running for ever. So each broadcast has a
guard: a task of its own, run after a while, that enqueues such chunks anew.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any, Sequence

from django.utils import timezone

from ..conf import conf
from .background import Chunk, deliver
from .disconnect import disconnect
from .transport import Target

try:
    _tasks: Any = import_module("django.tasks")
except ImportError:
    _tasks = import_module("django_tasks")

task, task_backends = _tasks.task, _tasks.task_backends
TaskResultStatus = import_module(f"{_tasks.__name__}.base").TaskResultStatus

_ENDED = (TaskResultStatus.SUCCESSFUL, TaskResultStatus.FAILED)


@task()  # type: ignore[untyped-decorator]
def deliver_chunk(*chunk: Any) -> dict[str, Any]:
    return deliver(Chunk(*chunk))


@task()  # type: ignore[untyped-decorator]
def guard_chunks(result_ids: list[str]) -> None:
    """Enqueue anew what has been running for longer than ``BACKGROUND_LEASE``; come back for what has not ended."""
    waiting = []
    for result_id in result_ids:
        result = deliver_chunk.get_result(result_id)
        if result.status in _ENDED:
            continue
        if result.status == TaskResultStatus.RUNNING and _is_overdue(result.started_at):
            result = deliver_chunk.enqueue(*result.args)
        waiting.append(result.id)
    if waiting:
        _guard(waiting)


def hand_over(chunks: list[Chunk]) -> None:
    """Enqueue ``chunks``, and their guard where the backend is able to wait and to tell how a task ended."""
    results = [deliver_chunk.enqueue(*chunk) for chunk in chunks]
    backend = task_backends[deliver_chunk.backend]
    if results and backend.supports_defer and backend.supports_get_result:
        _guard([result.id for result in results])


@task()  # type: ignore[untyped-decorator]
def disconnect_targets(targets: list[list[str]]) -> None:
    disconnect([Target(*target) for target in targets])


def hand_over_targets(targets: Sequence[Target]) -> None:
    """Enqueue one task that closes the sockets of ``targets``. No guard: their rows are closed in any case."""
    disconnect_targets.enqueue([list(target) for target in targets])


def _guard(result_ids: list[str]) -> None:
    later = timezone.now() + timedelta(seconds=conf.BACKGROUND_LEASE)
    guard_chunks.using(run_after=later).enqueue([str(result_id) for result_id in result_ids])


def _is_overdue(started_at: Any) -> bool:
    return started_at is None or timezone.now() - started_at > timedelta(seconds=conf.BACKGROUND_LEASE)
