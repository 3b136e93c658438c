"""The signals about messages."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

from django.db import transaction
from django.http.response import HttpResponseBase

from ..models import WebSocketSession
from ..models.announced import is_heard
from ..models.reporting import send_signal
from ..signals import message_failed, message_received

__all__ = ["run_and_announce"]


def run_and_announce(
    view: Any, session: WebSocketSession, handler: str, run: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """Call ``run`` for a message, and send ``message_received`` after the commit, or ``message_failed`` at once."""
    about = {"session": session, "handler": handler}
    try:
        response = run()
    except Exception as error:
        send_signal(message_failed, type(view), exception=error, **about)
        raise
    if is_heard(message_received):
        send = partial(send_signal, message_received, type(view), status=response.status_code, **about)
        transaction.on_commit(send, using=session.own_row.write_db, robust=True)
    return response
