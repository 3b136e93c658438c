"""System checks of the settings of sending."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from ..conf import conf
from .background import engine
from .choice import uses_curl

_ABOVE_ZERO = (
    "SEND_CONNECT_TIMEOUT",
    "SEND_READ_TIMEOUT",
    "SEND_THREADS",
    "SEND_CONNECTIONS",
    "SEND_DEADLINE",
    "SEND_RATE",
    "BACKGROUND_CHUNK",
    "BACKGROUND_LEASE",
)


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
        engine()
    except ImproperlyConfigured as error:
        hint = 'Possible are "celery" and "tasks", where they are installed (docs: In the background).'
        return [Error(str(error), hint=hint, id="websockets.E031")]
    return []


def _numbers() -> list[CheckMessage]:
    values = {key: getattr(conf, key) for key in _ABOVE_ZERO}
    return [
        Error(
            f'WEBSOCKETS["{key}"] is {value!r}, which is no number above 0.',
            hint="Seconds, or how many (docs: Sending).",
            id="websockets.E032",
        )
        for key, value in values.items()
        if value is not None and not (isinstance(value, (int, float)) and value > 0)
    ]
