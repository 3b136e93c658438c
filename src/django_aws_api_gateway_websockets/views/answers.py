"""Responses that a gateway understands: refusals as JSON, no redirects, and 503 while the database is down."""

from __future__ import annotations

import inspect
import json
import logging
from functools import wraps
from typing import Any, Awaitable, Callable

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.http.response import HttpResponseBase

from ..exceptions import EventRefused, NoHandler, RateLimited
from ..security.escaping import one_line

__all__ = ["as_response", "for_gateways", "is_short_text", "login_not_required", "public_text", "refusal", "text_of"]

logger = logging.getLogger("django_aws_api_gateway_websockets")

_RETRY_AFTER_SECONDS = 5
#: The characters of a reason. A longer text is a page for people.
_LONGEST_TEXT = 200


def login_not_required(view: Any) -> Any:
    """Exempt ``view`` from ``LoginRequiredMiddleware``, as Django 5.1's decorator ``login_not_required`` does.

    Events carry no cookie, and a script should get 403 instead of the login page.
    """
    view.login_required = False
    return view


def for_gateways(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Wrap the result of ``as_view()``, so that mixins and decorators on the class also answer as a gateway needs."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except (OperationalError, InterfaceError):
            logger.exception("The database failed during an event for %s", one_line(request.path))
            return _unavailable()
        # LoginRequiredMixin answers with a redirect, which a connection cannot follow.
        return HttpResponseForbidden() if 300 <= response.status_code < 400 else response

    # A mixin that overrides dispatch, such as one of Django's, hides the attributes of the view's own dispatch.
    answer.__dict__.update(csrf_exempt=True)
    answered: Callable[..., HttpResponseBase] = login_not_required(answer)
    return answered


def _unavailable() -> HttpResponse:
    for connection in connections.all():
        # With ATOMIC_REQUESTS, a response would commit what was written before the failure.
        if connection.in_atomic_block and connection.settings_dict["ATOMIC_REQUESTS"]:
            try:
                connection.set_rollback(True)
            except DatabaseError:
                logger.exception("A transaction could not be rolled back")
    response = JsonResponse({"message": "The database is not available. Try again."}, status=503)
    response["Retry-After"] = str(_RETRY_AFTER_SECONDS)
    return response


def refusal(refused: EventRefused, path: str, debug_log: list[str] | None) -> JsonResponse:
    """Log why an event was refused, and return the response. It contains ``debug_log`` unless that is None."""
    text = str(refused)
    logger.warning("Refused %s: %s", one_line(path), one_line(text), extra={"status_code": refused.status})
    answer: dict[str, Any] = {"message": public_text(refused)}
    if debug_log is not None:
        answer["debug"] = debug_log
    response = JsonResponse(answer, status=refused.status)
    if isinstance(refused, RateLimited):
        response["Retry-After"] = str(refused.retry_after)
    return response


def public_text(refused: EventRefused) -> str:
    """Return the text of a refusal that the client may see. The log has the full text.

    Only the developer needs the names and signatures of a view's methods, so they are shown if DEBUG is on.
    """
    if isinstance(refused, NoHandler) and not settings.DEBUG:
        return "There is no handler for this message."
    return str(refused)


def text_of(response: HttpResponseBase) -> str:
    """Return why ``response`` refuses: the ``message`` of a JSON answer, a short text, or the name of its status."""
    kind = response.get("Content-Type", "").partition(";")[0].strip()
    # A template's response is rendered later.
    if isinstance(response, HttpResponse) and getattr(response, "is_rendered", True):
        text = response.content.decode(errors="replace")
        try:
            message = json.loads(text)["message"]
            if message and isinstance(message, str):
                return message
        except (ValueError, LookupError, TypeError, RecursionError):
            if kind.startswith("text/") and is_short_text(text):
                return text
    return response.reason_phrase


def is_short_text(text: str) -> bool:
    """Return whether ``text`` is short and has no markup, as the reason of a refusal should be."""
    return 0 < len(text) <= _LONGEST_TEXT and "<" not in text


def as_response(returned: Any, handler_name: str) -> HttpResponseBase:
    """Return the response for the return value of a handler: None, a response, or an awaitable of either."""
    if returned is not None and inspect.isawaitable(returned):  # None is the usual case, and isawaitable() is slow.
        # Under ASGI, this thread is not the event loop's. The handler runs in the loop, and only this thread waits.
        returned = async_to_sync(_awaited)(returned)
    if returned is None:
        return HttpResponse()
    if not isinstance(returned, HttpResponseBase):
        raise TypeError(
            f"{handler_name} returned {type(returned).__name__}. A handler must return None or an HTTP response."
        )
    return returned


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
