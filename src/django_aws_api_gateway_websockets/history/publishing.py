"""Publish a message to a channel: number it, keep it in the history, and send it to everyone in the channel."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DatabaseError, router, transaction

from ..conf import conf
from ..delivery import DeliveryReport
from ..delivery.payload import Message
from ..models import ChannelHistory, HistoryMessage, WaitingMessage, WebSocketSession, WebSocketSessionQuerySet
from ..models.engines import ENGINES
from ..models.jobs import enqueue_broadcast
from ..models.reporting import announce
from ..models.sending import send_to_many
from ..models.users import is_user
from ..security.channel_rules import as_text, check_joinable
from .frames import encoded_body, message_frame
from .numbering import NewMessage, Numbered, number, number_waiting
from .recipients import exclusion, recipients
from .retention import limits_of, log_no_history, trim
from .transactions import in_transaction

logger = logging.getLogger("django_aws_api_gateway_websockets.delivery")

#: Trim a history after this number of new messages.
_TRIM_EVERY = 64
_MAX_ID_LENGTH = 128


@dataclass
class Published(DeliveryReport):
    """The report of ``publish``: a ``DeliveryReport`` with the position of the message."""

    #: The position in the channel's history. It is empty if the channel has none.
    position: str = ""
    #: Whether the history already had a message with this id. In this case, nothing was sent.
    repeated: bool = False
    #: The id of the broadcast, if a task engine sends the message.
    broadcast: str = ""


def publish(
    channel_name: str,
    data: Any,
    *,
    exclude: Any = None,
    message_id: str | None = None,
    user: Any = None,
    background: bool = False,
) -> Published | None:
    """Send ``data`` to everyone in a channel, and keep it in the channel's history if it has one.

    Inside a transaction, the message is written with the transaction and sent after the commit. None is returned, and
    the report arrives with the signal ``message_delivered``. After a rollback, nothing is sent.

    ``data``: a dict that JSON can hold. ``exclude``: a session row or a user that does not get the message.
    ``message_id``: your own id. If the history already has it, nothing is sent. ``user``: the author. The message is
    emptied when this user is deleted. ``background``: whether the task engine sends the message.

    If the channel has a history, a failed send is logged and not raised, because clients notice that they missed a
    message.
    """
    channel_name = as_text(channel_name)
    message = _checked(channel_name, data, exclude, message_id, user)
    if background:
        ENGINES.find(conf.BACKGROUND)  # Raises an error before anything is written.
    using = router.db_for_write(HistoryMessage)
    if limits_of(channel_name) is None:
        log_no_history(channel_name)
        return _send_plainly(message, using, background)
    if in_transaction(using):
        # This row refers to no row that others write, so a long transaction blocks no other publisher.
        WaitingMessage.objects.using(using).create(channel_name=channel_name, **message.fields())
        transaction.on_commit(partial(_publish_committed, channel_name, using, background), using=using)
        return None
    return _publish_now(message, using, background)


async def apublish(channel_name: str, data: Any, **options: Any) -> Published | None:
    """Call ``publish`` from async code, without blocking the event loop."""
    return await sync_to_async(publish)(channel_name, data, **options)


def publish_waiting(channel_name: str, using: str, background: bool = False) -> int:
    """Number and send the messages of a channel whose transactions are committed. Return how many."""
    numbered = number_waiting(channel_name, using)
    for one in numbered:
        announce(WebSocketSession, _push(one, background))
        _trim_sometimes(one, using)
    return len(numbered)


def _publish_committed(channel_name: str, using: str, background: bool = False) -> None:
    try:
        publish_waiting(channel_name, using, background)
    except Exception:
        # The messages are saved. The next publish() in this channel or the clean-up publishes them.
        logger.exception("Messages of the channel %r were not published after their commit", channel_name)


def _checked(channel_name: str, data: Any, exclude: Any, message_id: str | None, user: Any) -> NewMessage:
    """Return the message. If an argument of ``publish`` is wrong, raise an error that names it."""
    check_joinable(channel_name)
    _check_id(message_id)
    if user is not None and not is_user(user):
        raise TypeError(f"publish(user=…) takes a user, such as request.user, not {user!r:.80}.")
    return NewMessage(channel_name, encoded_body(data), message_id, getattr(user, "pk", None), exclusion(exclude))


def _check_id(message_id: object) -> None:
    if message_id is None:
        return
    if not isinstance(message_id, str) or not 0 < len(message_id) <= _MAX_ID_LENGTH or not message_id.isprintable():
        raise ValueError(f"message_id is {message_id!r:.80}. Pass 1 to {_MAX_ID_LENGTH} printable characters.")


def _publish_now(message: NewMessage, using: str, background: bool) -> Published:
    """Number and send a message that is not part of a transaction."""
    numbered = number(message, using)
    if numbered.repeated:
        return Published(position=str(numbered.position), repeated=True)
    report = _push(numbered, background)
    if numbered.others_wait:
        # The process that wrote these messages was killed after its commit, or is about to number them.
        _publish_committed(message.channel_name, using)
    _trim_sometimes(numbered, using)
    return report


def _send_plainly(message: NewMessage, using: str, background: bool) -> Published | None:
    """Send a message to a channel without a history, after the commit if there is a transaction."""
    if in_transaction(using):
        transaction.on_commit(partial(_send_after_commit, message, using, background), using=using)
        return None
    members, _ = recipients(message.channel_name, message.excluded)
    frame = message_frame(message.channel_name, message.body, message_id=message.message_id)
    return _send(members, frame, background, fail_silently=False)


def _send_after_commit(message: NewMessage, using: str, background: bool) -> None:
    try:
        report = _send_plainly(message, using, background)
    except Exception:
        logger.exception("A message was not sent after the commit")
    else:
        if report is not None:
            announce(WebSocketSession, report)


def _push(numbered: Numbered, background: bool) -> Published:
    message, at = numbered.message, str(numbered.position)
    members, left_out = recipients(message.channel_name, message.excluded)
    if left_out is not None:
        # Excluded clients only get the position, so that they do not wait for the message.
        _send(left_out, message_frame(message.channel_name, "", at), background, fail_silently=True)
    frame = message_frame(message.channel_name, message.body, at, message.message_id)
    report = _send(members, frame, background, fail_silently=True)
    report.position = at
    return report


def _send(members: WebSocketSessionQuerySet, frame: Message, background: bool, fail_silently: bool) -> Published:
    if background:
        return _enqueue(members, frame, fail_silently)
    return Published(**vars(send_to_many(members, frame, fail_silently=fail_silently)))


def _enqueue(members: WebSocketSessionQuerySet, frame: Message, fail_silently: bool) -> Published:
    try:
        return Published(broadcast=enqueue_broadcast(members, frame))
    except Exception:
        # A broker that is down may raise anything.
        if not fail_silently:
            raise
        logger.exception("The task engine %r did not accept a message. Clients will ask for it", conf.BACKGROUND)
        return Published()


def _trim_sometimes(numbered: Numbered, using: str) -> None:
    if numbered.position.offset % _TRIM_EVERY:
        return
    try:
        history = ChannelHistory.objects.using(using).filter(pk=numbered.history_id).first()
        if history is not None:
            trim(history, using)
    except DatabaseError:
        # The message is published. A later message trims the history again.
        logger.exception("The history of the channel %r was not trimmed", numbered.message.channel_name)
