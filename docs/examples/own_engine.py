"""Your own task engine: a development site runs jobs at once and needs no worker."""

from __future__ import annotations

from django_aws_api_gateway_websockets.background.work import JOBS


def run_at_once(jobs) -> None:
    for job in jobs:
        JOBS[job.name](*job.arguments)  # with RQ: queue.enqueue(JOBS[job.name], *job.arguments)
