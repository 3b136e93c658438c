"""The view's part in a hand-over: it returns tokens, and answers the move."""

from __future__ import annotations

from typing import Any

from ..events import GatewayEvent
from ..exceptions import InvalidBody
from ..logins.handovers import hand_over, hand_over_token
from ..models import WebSocketSession
from ..models.crowd import reconnect_window
from .envelope import Envelope

__all__ = ["answer_move", "for_later"]


def for_later(session: WebSocketSession) -> dict[str, Any]:
    """Return the members of an answer to a beat or a join that the client needs for its next connection.

    These are the token of a hand-over, and the seconds over which to spread a reconnect.
    """
    return {"move": hand_over_token(session), "window": reconnect_window()}


def answer_move(event: GatewayEvent, session: WebSocketSession, envelope: Envelope) -> dict[str, Any]:
    """Let ``session`` take the place of another connection. Return more members for the envelope of the reply."""
    if envelope.beat or envelope.join or envelope.leave:
        raise InvalidBody("A move must be the only request of its message.")
    hand_over(event, session, envelope.move)
    return {"window": reconnect_window()}
