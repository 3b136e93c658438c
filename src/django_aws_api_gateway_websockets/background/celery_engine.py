"""Jobs as Celery tasks. Workers find them because Celery imports the module ``tasks`` of each app."""

from __future__ import annotations

from functools import partial
from typing import Sequence

from celery import shared_task

from ..models.engines import Job
from .work import JOBS

#: Acknowledge a task when it is done, so that the broker gives the job of a killed worker to another worker.
_until_done = partial(shared_task, acks_late=True, reject_on_worker_lost=True)
TASKS = {name: _until_done(name=f"django_aws_api_gateway_websockets.{name}")(work) for name, work in JOBS.items()}


def enqueue(jobs: Sequence[Job]) -> None:
    """Publish ``jobs`` to the site's Celery app."""
    for job in jobs:
        TASKS[job.name].apply_async(job.arguments, countdown=job.delay or None)
