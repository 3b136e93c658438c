"""Subprotocols: what the client of a ``$connect`` offers, and what the view answers."""

from __future__ import annotations

import logging
from typing import Sequence

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from ..exceptions import SubprotocolNotOffered
from ..security.escaping import one_line

__all__ = ["accepting", "offered", "warn_if_unanswered"]

logger = logging.getLogger("django_aws_api_gateway_websockets")

_HEADER = "Sec-WebSocket-Protocol"


def offered(request: HttpRequest) -> list[str]:
    """Return the subprotocols that a handshake offers, in the client's order of preference."""
    return [name.strip() for name in request.headers.get(_HEADER, "").split(",") if name.strip()]


def accepting(subprotocol: str, offers: Sequence[str]) -> HttpResponse:
    """Return the response that accepts ``subprotocol``. Raise ``SubprotocolNotOffered`` if it is not in ``offers``."""
    if subprotocol not in offers:
        listed = ", ".join(offers) or "none"
        raise SubprotocolNotOffered(f"The client must offer the sub-protocol {subprotocol!r}. It offers {listed}.")
    return HttpResponse(headers={_HEADER: subprotocol})


def warn_if_unanswered(request: HttpRequest, response: HttpResponseBase) -> None:
    """Log a line if a handshake that is accepted offers subprotocols and ``response`` names none of them."""
    offers = offered(request)
    if offers and _HEADER not in response:
        logger.warning(
            "The client of %s offered the sub-protocols %s, and connect accepted none. Browsers close such a "
            "connection with code 1006. Return self.accept(NAME) from connect.",
            one_line(request.path),
            one_line(", ".join(offers)),
        )
