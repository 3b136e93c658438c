"""Who is in a channel, and who is left out of one message."""

from __future__ import annotations

from typing import Any

from django.db import models

from ..models import WebSocketSession, WebSocketSessionQuerySet

_CONNECTION, _USER = "connection:", "user:"


def exclusion(exclude: Any) -> str:
    """Return what ``publish(exclude=…)`` got, as text for the database: a session row or a user."""
    if exclude is None:
        return ""
    if isinstance(exclude, WebSocketSession):
        return f"{_CONNECTION}{exclude.connection_id}"
    if not isinstance(exclude, models.Model) or not hasattr(exclude, "is_authenticated") or exclude.pk is None:
        raise TypeError(f"exclude takes a WebSocketSession or a saved user, not {exclude!r:.80}.")
    return f"{_USER}{exclude.pk}"


def exclusions_of(user_id: Any, connection_id: str = "") -> set[str]:
    """Return the texts that leave out this user or this connection."""
    found = {f"{_CONNECTION}{connection_id}"} if connection_id else set()
    return found if user_id is None else found | {f"{_USER}{user_id}"}


def recipients(channel_name: str, excluded: str) -> tuple[WebSocketSessionQuerySet, WebSocketSessionQuerySet | None]:
    """Return the connections that get a message of the channel, and those that are left out, if there can be any.

    They come from the database that is written to, because a replica may not know who has just joined.
    """
    sessions = WebSocketSession.objects.all()
    members = sessions.using(sessions.write_db).in_channel(channel_name)
    if not excluded:
        return members, None
    if excluded.startswith(_USER):
        condition = models.Q(user=excluded[len(_USER) :])
    else:
        condition = models.Q(connection_id=excluded[len(_CONNECTION) :])
    return members.exclude(condition), members.filter(condition)
