"""The connections that get a message of a channel, and those that are excluded from it."""

from __future__ import annotations

from typing import Any

from django.db import models

from ..models import WebSocketSession, WebSocketSessionQuerySet
from ..models.users import is_user

_CONNECTION, _USER = "connection:", "user:"


def exclusion(exclude: Any) -> str:
    """Return the argument ``exclude`` of ``publish``, a session row or a user, as text for the database."""
    if exclude is None:
        return ""
    if isinstance(exclude, WebSocketSession):
        return f"{_CONNECTION}{exclude.connection_id}"
    if not isinstance(exclude, models.Model) or not is_user(exclude) or exclude.pk is None:
        raise TypeError(f"exclude takes a WebSocketSession or a saved user, not {exclude!r:.80}.")
    return f"{_USER}{exclude.pk}"


def exclusions_of(user_id: Any, connection_id: str = "") -> set[str]:
    """Return the values of ``excluded`` that exclude this user or this connection."""
    found = {f"{_CONNECTION}{connection_id}"} if connection_id else set()
    return found if user_id is None else found | {f"{_USER}{user_id}"}


def recipients(channel_name: str, excluded: str) -> tuple[WebSocketSessionQuerySet, WebSocketSessionQuerySet | None]:
    """Return the connections that get a message of the channel, and the excluded ones (None if nobody is excluded).

    They are read from the database that is written to, because a replica may not have the newest memberships.
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
