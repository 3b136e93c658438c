"""The site's task engine, and the jobs that it gets."""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

from ..registry import Registry

#: A function that ``WEBSOCKETS["BACKGROUND"]`` may name: ``(jobs: Sequence[Job]) -> None``. It passes jobs to workers,
#: which call ``background.work.run(job)``.
ENGINES = Registry(
    "BACKGROUND",
    {
        "celery": "django_aws_api_gateway_websockets.background.celery_engine.enqueue",
        "tasks": "django_aws_api_gateway_websockets.background.django_tasks.enqueue",
    },
)


class Job(NamedTuple):
    """One task for a worker. JSON can hold its name and its arguments."""

    name: str  #: a key of ``background.work.JOBS``
    arguments: Sequence[Any]
    delay: float = 0  #: the seconds after which the worker should run it. An engine may ignore this.
