"""The messages of the channels that have a history, and the counter of each of these channels."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.deletion import Collector
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..fields import ExactCharField
from .indexes import UniqueIfSet
from .memberships import cascade_unseen


def empty_messages(collector: Collector, field: Any, rows: Any, using: str) -> None:
    """Empty the messages of a deleted user, but keep their rows, so that the offsets have no hole."""
    # The update of the user must be the last one. After it, the querysets of the others would not find the rows.
    for name, value in (("body", ""), ("size", 0), (field.name, None)):
        collector.add_field_update(rows.model._meta.get_field(name), value, rows)


# Django does not need to read the rows.
empty_messages.lazy_sub_objs = True  # type: ignore[attr-defined]


class ChannelHistory(models.Model):
    """The counter of a channel that has a history.

    ``epoch`` identifies this history, so that clients notice when it was deleted and created again.
    """

    channel_name = ExactCharField(_("channel name"), max_length=255)
    epoch = models.CharField(_("epoch"), max_length=16)
    last_offset = models.BigIntegerField(_("last offset"), default=0)
    last_tag = models.CharField(_("last tag"), max_length=16, blank=True)

    class Meta:
        verbose_name = _("channel history")
        verbose_name_plural = _("channel histories")
        constraints = [models.UniqueConstraint(fields=["channel_name"], name="websockets_one_history")]

    def __str__(self) -> str:
        return str(self.channel_name)


class StoredMessage(models.Model):
    """The fields that both tables of messages have."""

    # Null and not empty, because a unique constraint allows several rows with null.
    message_id = ExactCharField(_("message id"), max_length=128, null=True, blank=True)
    #: The connection or the user that does not get the message, as text from ``history.recipients``.
    excluded = models.CharField(_("excluded recipient"), max_length=160, blank=True)
    #: The JSON object that was published. It is empty if the user of the message was deleted.
    body = models.TextField(_("message"), blank=True)
    size = models.PositiveIntegerField(_("size in bytes"), default=0)
    created_on = models.DateTimeField(_("created on"), default=timezone.now)

    class Meta:
        abstract = True


class HistoryMessage(StoredMessage):
    """A numbered message of a channel. The offsets of a channel have no holes."""

    history = models.ForeignKey(
        ChannelHistory,
        on_delete=models.CASCADE,
        related_name="messages",
        verbose_name=_("channel history"),
        db_index=False,
    )
    offset = models.BigIntegerField(_("offset"))
    tag = models.CharField(_("tag"), max_length=16)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=empty_messages,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )

    class Meta:
        verbose_name = _("history message")
        verbose_name_plural = _("history messages")
        constraints = [
            models.UniqueConstraint(fields=["history", "offset"], name="websockets_one_offset"),
            UniqueIfSet(fields=["history", "message_id"], name="websockets_one_message"),
        ]

    def __str__(self) -> str:
        return str(self.offset)


class WaitingMessage(StoredMessage):
    """A message that was published inside a transaction. After the commit, it is numbered and moves to the history.

    It has the name of its channel and no foreign key to its history, so that the transaction locks no shared row.
    """

    channel_name = ExactCharField(_("channel name"), max_length=255)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=cascade_unseen,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )

    class Meta:
        verbose_name = _("waiting message")
        verbose_name_plural = _("waiting messages")
        indexes = [models.Index(fields=["channel_name"], name="websockets_waiting")]

    def __str__(self) -> str:
        return str(self.channel_name)
