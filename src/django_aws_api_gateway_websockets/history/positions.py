"""Positions in a channel's history, as ``EPOCH:OFFSET:TAG``."""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

from django.db import router

from ..models import ChannelHistory
from ..security.channel_rules import channel_of
from .retention import limits_of, log_no_history

_FORM = re.compile(r"([0-9a-z]{1,16}):([0-9]{1,18}):([0-9a-z]{1,16})\Z", re.ASCII)


class Position(NamedTuple):
    """The place of a message: the history's epoch, the message's offset, and its random tag.

    The tag shows whether the message at this offset is still the same. It differs, for example, after the table was
    restored from a backup.
    """

    epoch: str
    offset: int
    tag: str

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}:{self.tag}"

    @classmethod
    def parse(cls, text: object) -> Position | None:
        """Return the position that a client sent, or None if it is malformed."""
        found = _FORM.match(text) if isinstance(text, str) else None
        return cls(found[1], int(found[2]), found[3]) if found else None


#: The position of a channel that has had no message.
START = Position("0", 0, "0")


def new_epoch() -> str:
    return secrets.token_hex(5)


def new_tag() -> str:
    return secrets.token_hex(4)


def position_of(history: ChannelHistory | None) -> Position:
    """Return the position of the newest message."""
    if history is None or not history.last_offset:
        return START
    return Position(history.epoch, history.last_offset, history.last_tag)


def position(channel_name: str) -> str | None:
    """Return the position of a channel, or None if it has no history.

    Call it **before** you read the rows of a page, and read the rows from the same database. The position comes from
    the database from which your router reads ``ChannelHistory``.
    """
    channel_name = channel_of("position", channel_name)
    if limits_of(channel_name) is None:
        log_no_history(channel_name)
        return None
    rows = ChannelHistory.objects.using(router.db_for_read(ChannelHistory))
    return str(position_of(rows.filter(channel_name=channel_name).first()))
