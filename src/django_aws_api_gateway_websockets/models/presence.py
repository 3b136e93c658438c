"""Find the users that have open connections. Rows of lost connections are left out after a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Iterable

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, QuerySet

from ..security.channel_rules import channel_of
from .lifetime import living, not_lost
from .lookups import IsAnyOf
from .memberships import ChannelMembership
from .sessions import WebSocketSession
from .users import checked_users, is_user


@dataclass(frozen=True)
class Presence:
    """The users and the anonymous connections in a channel."""

    #: The users, each with the number of connections in the channel.
    users: dict[Any, int]
    #: The number of connections without a login.
    anonymous: int


def presence(channel_name: str) -> Presence:
    """Return the users in a channel, with two queries.

    A connection that vanished without ``$disconnect`` is counted for at most two hours after it was opened. With
    ``GatewaySocket``, it is counted for at most 11 minutes after its last message or beat.
    """
    channel_name = channel_of("presence", channel_name, "For a user, call is_online.")
    connected = living(WebSocketSession.objects.filter(channel_name=channel_name)).values_list("pk", "user")
    memberships = ChannelMembership.objects.using(connected.db).filter(channel_name=channel_name, connected=True)
    joined = living(memberships, "session__").values_list("session", "session__user")
    # The union reads pairs, because a connection can be in both halves. Each half has its own index.
    counts = Counter(user for _, user in connected.order_by().union(joined))
    anonymous = counts.pop(None, 0)
    users = get_user_model()._default_manager.using(connected.db).filter(IsAnyOf("pk", counts))
    return Presence({user: counts[user.pk] for user in users.order_by("pk")}, anonymous)


def is_online(user: Any) -> bool:
    """Return whether ``user`` has an open connection, with one query. See ``presence`` for lost connections."""
    if not is_user(user):
        raise TypeError(f"is_online takes a user, such as request.user, not {user!r:.80}.")
    return user.pk is not None and living(WebSocketSession.objects.filter(user=user.pk)).exists()


def online(users: Iterable[Any]) -> set[Any]:
    """Return the users that have an open connection, with one query. ``users`` is a list or a queryset."""
    if isinstance(users, QuerySet) and issubclass(users.model, get_user_model()) and _can_be_filtered(users):
        return set(users.filter(Exists(living(WebSocketSession.objects.filter(user=OuterRef("pk"))))))
    asked = {user.pk: user for user in checked_users("online", users, "For one user, call is_online.")}
    # Compare with ">". With "connected" alone, PostgreSQL would also scan a partial index of all open rows.
    rows = not_lost(WebSocketSession.objects.filter(IsAnyOf("user", asked), connected__gt=False)).order_by()
    return {asked[pk] for pk in set(rows.values_list("user", flat=True))}


def _can_be_filtered(rows: QuerySet[Any]) -> bool:
    return not (rows.query.is_sliced or rows.query.combinator)
