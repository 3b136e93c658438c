"""One message with an envelope: a heartbeat, or a request that gets a reply and runs once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Callable, Mapping, Protocol

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from ..exceptions import EventRefused, WebSocketsError
from ..models.crowd import reconnect_window
from .envelope import KEY, Envelope, reply_to
from .request_ids import RequestMemory

if TYPE_CHECKING:
    from ..models import WebSocketSession

logger = logging.getLogger("django_aws_api_gateway_websockets")

_RUNNING, _FAILED = 202, 500


class Conversation(Protocol):
    """The part of ``WebSocketView`` that an exchange needs."""

    body: dict[str, Any]
    route_selection_key: str
    replied: tuple[Mapping[str, Any], int] | None

    @property
    def websocket_session(self) -> WebSocketSession | None: ...


class Exchange:
    """A message of a client that speaks the protocol of docs/protocol.md, and what it gets back.

    Replies travel as messages of their own, so they reach the client on one-way routes too.
    """

    def __init__(self, view: Conversation, envelope: Envelope) -> None:
        assert view.websocket_session is not None  # noqa: S101  only messages of known connections get here
        self._view = view
        self._session = view.websocket_session
        self._envelope = envelope

    def run(self, handle: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        """Answer the message. Call ``handle`` if it is for a handler, once for each request id."""
        if self._view.body.get(self._view.route_selection_key) == KEY:
            return self._run_own()
        if not self._envelope.request_id:
            return handle()
        memory = RequestMemory(f"{self._session.api_gateway_id}/{self._session.user_id}", self._envelope.request_id)
        if not memory.begin():
            self._push(memory.reply() or reply_to(self._envelope.request_id, _RUNNING))
            return HttpResponse()
        return self._run_once(handle, memory)

    def _run_own(self) -> HttpResponseBase:
        self._session.touch()
        if self._envelope.beat:
            self._push({KEY: {"beat": True, "window": reconnect_window()}})
        elif self._envelope.request_id:
            self._push(reply_to(self._envelope.request_id, 200, window=reconnect_window()))
        return HttpResponse()

    def _run_once(self, handle: Callable[[], HttpResponseBase], memory: RequestMemory) -> HttpResponseBase:
        try:
            response = handle()
        except Exception as error:
            self._answer(memory, *_failure(error))
            raise
        data, status = self._view.replied or ({}, response.status_code)
        if response.status_code >= 400:
            data, status = {"message": response.reason_phrase, **data}, response.status_code
        self._answer(memory, data, status)
        return response

    def _answer(self, memory: RequestMemory, data: Mapping[str, Any], status: int) -> None:
        reply = reply_to(self._envelope.request_id, status, data)
        memory.finish(reply)
        self._push(reply)

    def _push(self, message: Mapping[str, Any]) -> None:
        try:
            self._session.send_message(message)
        except WebSocketsError as error:
            # The client repeats its request and gets the reply then.
            logger.warning("A reply to the connection %s was not sent: %s", self._session.connection_id, error)


def _failure(error: Exception) -> tuple[dict[str, Any], int]:
    """What the client may know of an exception: the reason of a refusal, and of a bug nothing but with DEBUG."""
    if isinstance(error, EventRefused):
        return {"message": str(error)}, error.status
    if isinstance(error, PermissionDenied):
        return {"message": str(error) or "You may not do this."}, 403
    if settings.DEBUG:
        return {"message": f"{type(error).__name__}: {error}"}, _FAILED
    return {"message": "The server failed to handle this message."}, _FAILED
