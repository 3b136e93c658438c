"""Send the signals about messages."""

from __future__ import annotations

from typing import Any, Callable

from django.http.response import HttpResponseBase

from ..models import WebSocketSession
from ..models.after_commit import call_after_commit
from ..models.reporting import send_signal
from ..signals import message_failed, message_received

__all__ = ["run_and_announce"]


def run_and_announce(
    view: Any, session: WebSocketSession, handler: str, run: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """Call ``run`` for a message, and send ``message_received`` after the commit, or ``message_failed`` at once."""
    about: dict[str, Any] = {"session": session, "handler": handler}
    try:
        response = run()
    except Exception as error:
        send_signal(message_failed, type(view), exception=error, **about)
        raise
    if message_received.has_listeners(type(view)):
        about["status"] = response.status_code
        call_after_commit(session.own_row.write_db, _send_received, type(view), about)
    return response


def _send_received(view: type, about: dict[str, Any]) -> None:
    send_signal(message_received, view, **about)
