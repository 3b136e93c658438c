"""System check of the setting HISTORY."""

from __future__ import annotations

from django.core.checks import Error, register

from ..conf import conf
from ..history.retention import problems
from .collecting import Checks, collected


@register("websockets")
@collected
def check_history() -> Checks:
    """E040: each entry of ``HISTORY`` is a channel pattern with valid limits."""
    for problem, remedy in problems(conf.HISTORY):
        yield Error(problem, hint=remedy, id="websockets.E040")
