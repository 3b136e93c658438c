"""Positions and missed messages in the answers to joins and beats."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from django.db import models, router

from ..conf import conf
from ..history.frames import missed_frame
from ..history.positions import START, position_of
from ..history.recipients import exclusions_of
from ..history.recovery import recover
from ..history.retention import limits_of
from ..models import ChannelHistory, ChannelMembership, HistoryMessage, WebSocketSession
from ..models.batches import batches

__all__ = ["positions_in_frames", "with_positions"]

_GAP = 409
#: The positions in one answer to a beat. Even with the longest names, twice as many would fit into a frame.
_POSITIONS = 50


def with_positions(
    session: WebSocketSession, since: Mapping[str, Any], answer: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Add positions to the answer of ``change_channels``. Return the answer and the frames with missed messages.

    Call this after the memberships are committed. Otherwise, a message that is published meanwhile would neither be
    pushed to this connection nor be among the missed messages.
    """
    joined = dict(answer.get("joined", {}))
    kept = {name: since[name] for name in joined if limits_of(name) is not None}
    if not kept:
        return dict(answer), []
    exclusions = exclusions_of(session.user_id, session.connection_id)
    refused, gaps, frames = dict(answer.get("refused", {})), {}, []
    for name, found in recover(kept, exclusions, router.db_for_write(HistoryMessage)).items():
        if found.gap:
            del joined[name]
            refused[name], gaps[name] = _GAP, found.at
            continue
        joined[name] = found.at
        if found.upto:
            frames.append(missed_frame(name, str(since[name]), found.missed, found.upto, found.more))
    # The client ignores the channel of its connect until it joins again.
    lost = [name for name in gaps if name != session.channel_name]
    if lost:
        session.leave_all(lost)
    parts = {"joined": joined, "refused": refused, "gap": gaps}
    return {name: part for name, part in {**answer, **parts}.items() if part}, frames


def positions_in_frames(session: WebSocketSession) -> Iterator[dict[str, Any]]:
    """Yield the positions of the session's channels with a history, in parts that each fit into one frame.

    This costs one query, or none if no channel has a history. There is at least one part.
    """
    positions = _positions(session) if conf.HISTORY else {}
    if not positions:
        yield {}
    for names in batches(positions, _POSITIONS):
        yield {"at": {name: positions[name] for name in names}}


def _positions(session: WebSocketSession) -> dict[str, str]:
    using = router.db_for_write(HistoryMessage)
    joined = ChannelMembership.objects.using(using).filter(session=session.pk).values("channel_name")
    rows = ChannelHistory.objects.using(using).filter(
        models.Q(channel_name=session.channel_name) | models.Q(channel_name__in=joined)
    )
    found = {row.channel_name: position_of(row) for row in rows if limits_of(row.channel_name) is not None}
    return {name: str(at) for name, at in found.items() if at != START}
