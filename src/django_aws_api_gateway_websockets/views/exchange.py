"""A message with an envelope: it runs once and gets a reply, and the view pushes the protocol's own messages."""

from __future__ import annotations

import logging
from functools import partial
from itertools import islice
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Protocol

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase

from ..exceptions import ChannelRefused, EventRefused, InvalidBody, WebSocketsError
from ..history.transactions import after_transaction
from ..models import ChannelMembership, WebSocketSession
from ..models.batches import batches
from ..security.channel_rules import MAX_CHANNEL_LENGTH, check_joinable
from ..security.escaping import one_line
from .answers import public_text, text_of
from .envelope import KEY, Envelope, reply_to
from .moves import for_later
from .recovery import positions_in_frames, with_positions
from .request_ids import RequestMemory

__all__ = ["answer_beat", "change_channels", "leave_lost_channels", "push", "run_once"]

logger = logging.getLogger("django_aws_api_gateway_websockets")

_RUNNING, _FAILED = 202, 500
#: What the client gets for the exceptions that Django answers with a status of their own, and for all others.
_STATUSES: Mapping[type[Exception], tuple[int, str]] = {
    Http404: (404, "The site did not find it."),
    BadRequest: (400, "The site does not accept this message."),
    SuspiciousOperation: (400, "The site does not accept this message."),
}
_BUG = _FAILED, "The server failed to handle this message."
#: The length that an anonymous client's request id needs to be recognized on another connection, in characters.
UNGUESSABLE_LENGTH = 16
#: The channels that one connection may join, so that no client fills the table.
MAX_JOINED = 500
#: The refused channels of one message whose reasons the client gets, and the characters of each. Together with the
#: statuses of all channels, they fit into a frame.
_REASONS, _REASON_LENGTH = 10, 200
#: The lost channels in one frame. Even with the longest names, they fit.
_LOST = 50
_NOTHING: Mapping[str, Any] = {}


class _Refusal(NamedTuple):
    status: int
    reason: str


class Replying(Protocol):
    """The part of ``WebSocketView`` that this module uses."""

    websocket_session: WebSocketSession | None
    #: The arguments with which the handler called ``reply()``.
    replied: tuple[Mapping[str, Any], int] | None
    #: What became of the channels that the message joins: further members of the reply's envelope.
    channels_answer: Mapping[str, Any]


def run_once(view: Replying, envelope: Envelope, handle: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """Call ``handle`` once for each request id, and push the reply. A message without an id gets no reply.

    A reply is a separate message, so it also reaches the client on one-way routes.
    """
    session = view.websocket_session
    if not envelope.request_id or session is None:
        return handle()
    memory = RequestMemory(_owner(session, envelope), envelope.request_id)
    if not memory.begin():
        push(session, memory.reply() or reply_to(envelope.request_id, _RUNNING))
        return HttpResponse()
    status, data = _FAILED, _NOTHING
    try:
        response = handle()
        status, data = _outcome(view, response)
        return response
    except Exception as error:
        status, data = _failure(error)
        raise
    finally:
        answer = partial(_answer, view.channels_answer, session, envelope, memory, status, data)
        # Publishers do not see the joins before the commit of the transaction. An error rolls the joins back.
        if view.channels_answer and status < _FAILED:
            after_transaction(session.own_row.write_db, answer)
        else:
            answer()


def _answer(
    channels: Mapping[str, Any],
    session: WebSocketSession,
    envelope: Envelope,
    memory: RequestMemory,
    status: int,
    data: Mapping[str, Any],
) -> None:
    """Push the reply, and what the client has missed in the channels that it joins."""
    missed: list[str] = []
    try:
        channels, missed = with_positions(session, envelope.join, channels)
    except Exception as error:
        # Without a reply, every repetition of the request would be told that it is still running.
        logger.exception("The connection %s was not told what it has missed", session.connection_id)
        (status, data), channels = _failure(error), _NOTHING
    first, *more = _in_frames(channels)
    reply = reply_to(envelope.request_id, status, data, **first)
    memory.finish(reply)
    push(session, reply)
    for further in more:
        push(session, {KEY: further})
    for frame in missed:
        push_text(session, frame)


def _in_frames(channels: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield ``channels`` in parts that each fit into one frame. A move can lose all channels of a connection."""
    lost = channels.get("lost", _NOTHING)
    yield {**channels, "lost": dict(islice(lost.items(), _LOST))} if lost else channels
    for names in batches(islice(lost, _LOST, None), _LOST):
        yield {"lost": {name: lost[name] for name in names}}


def _owner(session: WebSocketSession, envelope: Envelope) -> str:
    """Return the owner of the request: the user (on any connection), or the anonymous client.

    On its next connection, an anonymous client is identified only by the request id. An id that could be guessed
    therefore counts for one connection only. Otherwise, a client could get another client's reply. The same holds for
    joins, leaves and moves, because they change this connection only.
    """
    client = f"connection {session.connection_id}"
    if not (envelope.join or envelope.leave or envelope.move):
        if session.user_id is not None:
            client = f"user {session.user_id}"
        elif len(envelope.request_id) >= UNGUESSABLE_LENGTH:
            client = "anonymous"
    return f"{session.api_gateway_id}/{client}"


def answer_beat(session: WebSocketSession) -> None:
    """Push the answer to a beat. The positions of many channels need more than one frame."""
    for positions in positions_in_frames(session):
        push(session, {KEY: {"beat": True, **for_later(session), **positions}})


def change_channels(
    session: WebSocketSession, envelope: Envelope, check_may_join: Callable[[Any], None]
) -> dict[str, dict[str, Any]]:
    """Leave and join the channels that ``envelope`` names. Return what became of each join.

    ``check_may_join`` raises ``EventRefused`` for a channel that the user may not join.
    """
    left = [name for name in envelope.leave if _is_channel(name)]
    if left:
        session.leave_all(left)

    def check(name: str) -> None:
        check_joinable(name)
        check_may_join(name)

    refusals = {name: _why_refused(check, name) for name in envelope.join}
    allowed = [name for name, refusal in refusals.items() if refusal is None]
    if allowed:
        try:
            joined = session.join_all(allowed, MAX_JOINED)
            full = _Refusal(ChannelRefused.status, f"A connection can join at most {MAX_JOINED} channels.")
            refusals.update(dict.fromkeys(set(allowed).difference(joined), full))
        except EventRefused as error:
            refusals.update(dict.fromkeys(allowed, _Refusal(error.status, str(error))))
    refused = {name: refusal for name, refusal in refusals.items() if refusal is not None}
    if refused:
        _log_refusals(refused)
    told: dict[str, str] = {}
    room = _REASONS * MAX_CHANNEL_LENGTH
    for name, refusal in refused.items():
        # A name can be too long for a channel, and longer than the frame of the answer.
        if len(told) < _REASONS and len(name) <= room:
            told[name] = refusal.reason[:_REASON_LENGTH]
            room -= len(name)
    answer: dict[str, dict[str, Any]] = {
        "joined": {name: None for name in refusals if name not in refused},
        "refused": {name: refusal.status for name, refusal in refused.items()},
        "reasons": told,
    }
    return {key: value for key, value in answer.items() if value}


def _log_refusals(refused: Mapping[str, _Refusal]) -> None:
    """Log one line for all refused channels of a message, with the reason of the first."""
    name, refusal = next(iter(refused.items()))
    more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
    shown = one_line(f"{name!r:.80}")
    extra = {"status_code": refusal.status}
    logger.warning("Refused to join %s%s: %s", shown, more, one_line(refusal.reason), extra=extra)


def _is_channel(name: Any) -> bool:
    """Return whether a connection can be in a channel called ``name``."""
    try:
        check_joinable(name)
    except InvalidBody:
        return False
    return True


def _why_refused(check: Callable[[str], None], name: str) -> _Refusal | None:
    """Return the status and the reason with which ``check`` refuses ``name``, or None if the user may be in it.

    The site's own exceptions can have any status, so only the exception itself tells that the site refuses.
    """
    try:
        check(name)
    except EventRefused as error:
        return _Refusal(error.status, str(error))
    except PermissionDenied as error:
        return _Refusal(403, str(error) or "You may not do this.")
    except Http404:  # can_join may use get_object_or_404(), whose text names a model.
        return _Refusal(404, "The site has no such channel.")
    return None


def leave_lost_channels(session: WebSocketSession, may_join: Callable[[str], bool]) -> dict[str, int]:
    """Leave the joined channels that the user may no longer be in. Return them, each with an HTTP status.

    The result can contain the channel that the connection connected to, but the connection does not leave it.
    """
    # Not session.channels, because a replica may not know yet that a hand-over has moved them.
    memberships = ChannelMembership.objects.using(session.own_row.write_db).filter(session=session.pk)
    names = {session.channel_name, *memberships.values_list("channel_name", flat=True)} - {""}

    def check(name: str) -> None:
        if not may_join(name):
            raise ChannelRefused("You may no longer be in this channel.")

    refusals = {name: _why_refused(check, name) for name in sorted(names)}
    lost = {name: refusal.status for name, refusal in refusals.items() if refusal is not None}
    joined = [name for name in lost if name != session.channel_name]
    if joined:
        session.leave_all(joined)
    return lost


def push(session: WebSocketSession, message: Mapping[str, Any]) -> None:
    """Send ``message``. Log a failure, because a client that misses a reply repeats its request."""
    _push(session, partial(session.send_message, message))


def push_text(session: WebSocketSession, frame: str) -> None:
    """Send a frame of missed messages. Log a failure, because the client asks again."""
    _push(session, partial(session.send_text, frame))


def _push(session: WebSocketSession, send: Callable[[], object]) -> None:
    try:
        send()
    except WebSocketsError as error:
        logger.warning("A reply to the connection %s was not sent: %s", session.connection_id, error)


def _outcome(view: Replying, response: HttpResponseBase) -> tuple[int, Mapping[str, Any]]:
    data, status = view.replied or ({}, response.status_code)
    if response.status_code < 400:
        return status, data
    return response.status_code, {"message": text_of(response), **data}


def _failure(error: Exception) -> tuple[int, Mapping[str, Any]]:
    """Return the text about an exception that the client may see.

    The details of other exceptions are only included if DEBUG is on: the text of an ``Http404`` can name a model.
    """
    if isinstance(error, EventRefused):
        return error.status, {"message": public_text(error)}
    if isinstance(error, PermissionDenied):
        return 403, {"message": str(error) or "You may not do this."}
    status, text = next((told for kind, told in _STATUSES.items() if isinstance(error, kind)), _BUG)
    return status, {"message": f"{type(error).__name__}: {error}" if settings.DEBUG else text}
