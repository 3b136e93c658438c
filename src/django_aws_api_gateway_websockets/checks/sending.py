"""System checks of the settings for sending."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured

from ..aws.credentials import half_set
from ..conf import SETTING, conf
from ..delivery.choice import sockets_patched_by, transport_factory, wanted_transport
from ..delivery.payload import ENCODERS
from ..models.engines import ENGINES

_SECONDS = ("SEND_CONNECT_TIMEOUT", "SEND_READ_TIMEOUT", "CLOSE_DEADLINE", "BACKGROUND_LEASE")
_LIMITS = ("SEND_DEADLINE", "SEND_RATE")  # None: no limit
_COUNTS = ("SEND_THREADS", "SEND_CONNECTIONS", "BACKGROUND_CHUNK")


@register("websockets")
def check_sending(**kwargs: Any) -> list[CheckMessage]:
    """E030 to E034, W030: the transport, the task engine, numbers, and credentials."""
    return [*_transport(), *_engine(), *_encoder(), *_numbers(), *_credentials(), *_patched_sockets()]


def _transport() -> list[CheckMessage]:
    try:
        transport_factory()
    except ImproperlyConfigured as error:
        hint = "Remove SEND_TRANSPORT to let libcurl send if the extra [fast] is installed (docs: Sending)."
        return [Error(str(error), hint=hint, id="websockets.E030")]
    return []


def _engine() -> list[CheckMessage]:
    if not conf.BACKGROUND:
        return []
    try:
        ENGINES.find(conf.BACKGROUND)
    except ImproperlyConfigured as error:
        hint = "Install the task engine in the site's environment (docs: In the background)."
        return [Error(str(error), hint=hint, id="websockets.E031")]
    return []


def _encoder() -> list[CheckMessage]:
    try:
        ENCODERS.find(conf.MESSAGE_ENCODER)
    except ImproperlyConfigured as error:
        hint = "Remove MESSAGE_ENCODER to send messages as JSON (docs: Sending)."
        return [Error(str(error), hint=hint, id="websockets.E034")]
    return []


def _numbers() -> list[CheckMessage]:
    return [
        *(_wrong(key, "a number above 0", "Seconds") for key in _SECONDS if not _is_above_zero(getattr(conf, key))),
        *(
            _wrong(key, "a number above 0", "Seconds, or sends per second; None sets no limit")
            for key in _LIMITS
            if getattr(conf, key) is not None and not _is_above_zero(getattr(conf, key))
        ),
        *(
            _wrong(key, "a whole number above 0", "A count")
            for key in _COUNTS
            if not _is_above_zero(getattr(conf, key), int)
        ),
    ]


def _is_above_zero(value: Any, types: Any = (int, float)) -> bool:
    return isinstance(value, types) and not isinstance(value, bool) and value > 0


def _wrong(key: str, wanted: str, means: str) -> CheckMessage:
    return Error(
        f'{SETTING}["{key}"] is {getattr(conf, key)!r}, which is not {wanted}.',
        hint=f"{means} (docs: Sending).",
        id="websockets.E032",
    )


def _credentials() -> list[CheckMessage]:
    problem = half_set()
    hint = "Or remove all of them, so that boto3 finds credentials by its own chain (docs: Settings)."
    return [Error(problem, hint=hint, id="websockets.E033")] if problem else []


def _patched_sockets() -> list[CheckMessage]:
    library = sockets_patched_by()
    if not library or wanted_transport() != "curl":
        return []
    return [
        CheckWarning(
            f"{library} has replaced Python's sockets, so boto3 sends instead of libcurl.",
            hint="libcurl would block the whole worker. To send faster, run another kind of worker.",
            id="websockets.W030",
        )
    ]
