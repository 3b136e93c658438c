"""Jobs as Celery tasks. A worker finds them because it imports the module ``tasks`` of each app."""

from __future__ import annotations

from functools import partial
from typing import Sequence

from celery import shared_task

from ..models.jobs import Job
from .work import JOBS

#: A task is acknowledged when it is done, so the broker gives the job of a killed worker to another one.
_until_done = partial(shared_task, acks_late=True, reject_on_worker_lost=True)
TASKS = {name: _until_done(name=f"django_aws_api_gateway_websockets.{name}")(work) for name, work in JOBS.items()}


def enqueue(jobs: Sequence[Job]) -> None:
    """Publish ``jobs`` to the Celery app of the site."""
    for job in jobs:
        TASKS[job.name].delay(*job.arguments)
