"""Jobs as Django tasks: ``django.tasks`` of Django 6, or the ``django-tasks`` backport.

If a worker is killed, the database backend leaves its task marked as running for ever. Each job therefore has a guard:
a task that runs later and enqueues such a job again.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any, Sequence

from django.utils import timezone

from ..conf import conf
from ..models.engines import Job
from .work import JOBS

try:
    _tasks: Any = import_module("django.tasks")
except ImportError:
    _tasks = import_module("django_tasks")

task, task_backends = _tasks.task, _tasks.task_backends
TaskResultStatus = import_module(f"{_tasks.__name__}.base").TaskResultStatus

_ENDED = (TaskResultStatus.SUCCESSFUL, TaskResultStatus.FAILED)


@task()  # type: ignore[untyped-decorator]
def run_job(name: str, *arguments: Any) -> Any:
    """Do the job ``name`` of ``background.work.JOBS``."""
    return JOBS[name](*arguments)


@task()  # type: ignore[untyped-decorator]
def clear_sessions(**options: Any) -> Any:
    """Clean up the session rows, with the options of ``background.work.clear_sessions``."""
    return JOBS["clear_sessions"](**options)


@task()  # type: ignore[untyped-decorator]
def guard_jobs(result_ids: list[str]) -> None:
    """Enqueue again the jobs that have run for longer than ``BACKGROUND_LEASE``. Repeat until all jobs have ended."""
    waiting = []
    for result_id in result_ids:
        result = run_job.get_result(result_id)
        if result.status in _ENDED:
            continue
        if result.status == TaskResultStatus.RUNNING and _is_overdue(result.started_at):
            result = run_job.enqueue(*result.args)
        waiting.append(result.id)
    if waiting:
        _guard(waiting)


def enqueue(jobs: Sequence[Job]) -> None:
    """Enqueue ``jobs``, and a guard for messages if the backend supports delays and results.

    A job with a delay needs a backend that supports delays. With another backend, the clean-up does the work of the
    job. Closing sockets needs no guard. Their rows are already closed, so the view refuses their messages in any case.
    """
    backend = task_backends[run_job.backend]
    results = [
        (job.name, _task_for(job).enqueue(job.name, *job.arguments))
        for job in jobs
        if backend.supports_defer or not job.delay
    ]
    guarded = [result.id for name, result in results if name == "deliver"]
    if guarded and backend.supports_defer and backend.supports_get_result:
        _guard(guarded)


def _task_for(job: Job) -> Any:
    return run_job.using(run_after=timezone.now() + timedelta(seconds=job.delay)) if job.delay else run_job


def _guard(result_ids: list[str]) -> None:
    run_after = timezone.now() + timedelta(seconds=conf.BACKGROUND_LEASE)
    guard_jobs.using(run_after=run_after).enqueue([str(result_id) for result_id in result_ids])


def _is_overdue(started_at: Any) -> bool:
    return started_at is None or timezone.now() - started_at > timedelta(seconds=conf.BACKGROUND_LEASE)
