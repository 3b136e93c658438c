"""System checks of the settings of sending."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from ..conf import conf
from ..delivery.choice import uses_curl
from ..models.jobs import ENGINES

_SECONDS = ("SEND_CONNECT_TIMEOUT", "SEND_READ_TIMEOUT", "BACKGROUND_LEASE")
_LIMITS = ("SEND_DEADLINE", "SEND_RATE")  # None: no limit
_COUNTS = ("SEND_THREADS", "SEND_CONNECTIONS", "BACKGROUND_CHUNK")


@register("websockets")
def check_sending(**kwargs: Any) -> list[CheckMessage]:
    """E030, E031, E032: transport, task engine and numbers of sending are possible ones."""
    return [*_transport(), *_engine(), *_numbers()]


def _transport() -> list[CheckMessage]:
    try:
        uses_curl()
    except ImproperlyConfigured as error:
        hint = "Leave SEND_TRANSPORT out: libcurl is used where it is able to (docs: Sending)."
        return [Error(str(error), hint=hint, id="websockets.E030")]
    return []


def _engine() -> list[CheckMessage]:
    if not conf.BACKGROUND:
        return []
    try:
        ENGINES.find(conf.BACKGROUND)
    except ImproperlyConfigured as error:
        hint = "The engine must be installed where the site runs (docs: In the background)."
        return [Error(str(error), hint=hint, id="websockets.E031")]
    return []


def _numbers() -> list[CheckMessage]:
    return [
        *(_wrong(key, "number above 0", "Seconds") for key in _SECONDS if not _is_above_zero(getattr(conf, key))),
        *(
            _wrong(key, "number above 0", "Seconds, or sends a second; None: no limit")
            for key in _LIMITS
            if getattr(conf, key) is not None and not _is_above_zero(getattr(conf, key))
        ),
        *(
            _wrong(key, "whole number above 0", "How many")
            for key in _COUNTS
            if not _is_above_zero(getattr(conf, key), int)
        ),
    ]


def _is_above_zero(value: Any, types: Any = (int, float)) -> bool:
    return isinstance(value, types) and not isinstance(value, bool) and value > 0


def _wrong(key: str, wanted: str, means: str) -> CheckMessage:
    return Error(
        f'WEBSOCKETS["{key}"] is {getattr(conf, key)!r}, which is no {wanted}.',
        hint=f"{means} (docs: Sending).",
        id="websockets.E032",
    )
