"""The limits of each channel's history, and the deletion of messages beyond them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Mapping

from django.conf import settings
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from ..conf import SETTING, conf
from ..models import ChannelHistory, HistoryMessage
from ..models.batches import ROWS_PER_STATEMENT
from ..security.channel_rules import check_pattern, matches_text

logger = logging.getLogger("django_aws_api_gateway_websockets.history")

_KEYS = ("size", "seconds")
#: The channels about which this process has warned.
_warned: set[str] = set()
_MOST_WARNINGS = 1000
_REMEDY = 'Write a channel or a pattern, as in {"room-*": {"size": 1000, "seconds": 300}}.'


@dataclass(frozen=True)
class Limits:
    """The limits of a history: it keeps the newest ``size`` messages of the last ``seconds``. None means no limit."""

    size: int | None = None
    seconds: float | None = None


def limits_of(channel_name: str) -> Limits | None:
    """Return the limits of the first pattern that matches the channel, or None if the channel has no history."""
    for pattern, limits in conf.HISTORY.items():
        if matches_text(pattern, channel_name):
            return Limits(**limits)
    return None


def log_no_history(channel_name: str) -> None:
    """Log that a channel matches none of the patterns. Otherwise, nobody would notice a misspelled name.

    While ``settings.DEBUG`` is on, the first line for each name is a warning, unless the site has no histories at all.
    """
    level = logging.DEBUG
    if settings.DEBUG and conf.HISTORY and channel_name not in _warned and len(_warned) < _MOST_WARNINGS:
        _warned.add(channel_name)
        level = logging.WARNING
    if not logger.isEnabledFor(level):
        return
    patterns = ", ".join(map(repr, conf.HISTORY)) or "none"
    logger.log(level, "The channel %r has no history. Patterns in %s['HISTORY']: %s", channel_name, SETTING, patterns)


def problems(setting: Any) -> list[tuple[str, str]]:
    """Return the problems of the setting ``HISTORY``, each with its remedy."""
    if not isinstance(setting, Mapping):
        return [(f"{SETTING}['HISTORY'] is a {type(setting).__name__}, not a dict.", _REMEDY)]
    found = []
    for pattern, limits in setting.items():
        where = f"{SETTING}['HISTORY'][{pattern!r}]"
        found += [(f"{where} {text}", remedy) for text, remedy in [*_of_pattern(pattern), *_of_limits(limits)]]
    return found


def _of_pattern(pattern: Any) -> list[tuple[str, str]]:
    if not isinstance(pattern, str) or not pattern:
        return [("has a key that is not a channel pattern.", _REMEDY)]
    if "{user_pk}" in pattern:
        return [("has {user_pk}, which works in channel rules only.", 'Write "*" in its place.')]
    try:
        check_pattern(pattern)
    except ValueError as error:
        return [(f"cannot be used: {error}", "Shorten the pattern.")]
    return []


def _of_limits(limits: Any) -> list[tuple[str, str]]:
    if not isinstance(limits, Mapping) or not limits:
        return [(f"is {limits!r}, which sets no limit.", 'Write {"size": 1000}, {"seconds": 300} or both.')]
    unknown = sorted(set(limits) - set(_KEYS), key=str)
    if unknown:
        return [(f"has the unknown key {unknown[0]!r}.", 'The keys are "size" and "seconds".')]
    return [
        (f"has {key!r}: {value!r}.", "Write a whole number above 0.")
        for key, value in limits.items()
        if isinstance(value, bool) or not isinstance(value, int) or value < 1
    ]


def trim(history: ChannelHistory, using: str) -> int:
    """Delete up to 500 of the oldest messages of a history that are beyond its limits. Return how many.

    The newest message beyond the limits stays, so that a client that has seen this message can continue from it.
    """
    rows = HistoryMessage.objects.using(using).filter(history=history)
    oldest = rows.order_by("offset").values_list("offset", flat=True).first()
    if oldest is None:
        return 0
    # The difference of two offsets is the number of messages between them, or more if there is a hole.
    keep_from = min(_keep_from(history, rows), oldest + ROWS_PER_STATEMENT)
    return rows.filter(offset__lt=keep_from)._raw_delete(using) if keep_from > oldest else 0


def _keep_from(history: ChannelHistory, rows: QuerySet[HistoryMessage]) -> int:
    """Return the offset of the newest message beyond the limits, or 0. The messages before it can be deleted."""
    limits = limits_of(history.channel_name) or Limits(size=1)
    found = 0 if limits.size is None else history.last_offset - limits.size
    if limits.seconds is not None:
        since = timezone.now() - timedelta(seconds=limits.seconds)
        # The database reads at most 501 rows, and returns only one offset. Count rows and not offsets, because there
        # are holes where somebody has deleted rows.
        outdated = Max("offset", filter=Q(created_on__lt=since))
        found = max(found, rows.order_by("offset")[: ROWS_PER_STATEMENT + 1].aggregate(last=outdated)["last"] or 0)
    return found
