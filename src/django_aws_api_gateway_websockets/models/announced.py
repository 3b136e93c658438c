"""The users who were announced as present. They are stored, so that each arrival and departure is announced once.

A user who arrives gets a row. When one of the user's connections ends, ``departures`` checks the row after
``PRESENCE_GRACE`` seconds. If the user has no connection by then, the row is deleted.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, Collection, Iterable

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, models, transaction
from django.db.models.deletion import Collector
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..conf import conf
from ..fields import ExactCharField
from ..signals import user_joined, user_left, user_offline, user_online
from .after_commit import call_after_commit, repeated
from .cascades import shows_only
from .engines import ENGINES, Job
from .pushing import is_pushed, push_changes, push_list
from .reporting import send_signal

logger = logging.getLogger("django_aws_api_gateway_websockets")

#: The ``channel_name`` of the row that says that a user is online, in any channel or in none.
ONLINE = ""


def announce_and_delete(collector: Collector, field: Any, rows: Any, using: str) -> None:
    """Delete the rows of a deleted user, and announce that the user has left. For ``ForeignKey(on_delete=…)``."""
    if not shows_only(collector):
        collector.fast_deletes.append(_RowsOfDeletedUsers(rows.model, rows.query.chain(), using))


class _RowsOfDeletedUsers(models.QuerySet["AnnouncedUser"]):
    """Rows that a cascade is about to delete. ``Collector`` runs ``_raw_delete`` inside its transaction."""

    def _raw_delete(self, using: str | None) -> int:
        gone = list(self.select_related("user"))
        if gone:
            call_after_commit(self.db, announce_departures, gone)
            return super()._raw_delete(using)
        return 0


class AnnouncedUser(models.Model):
    """A user who has been announced as present in a channel, or as online."""

    channel_name = ExactCharField(_("channel name"), max_length=255, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=announce_and_delete, related_name="+", verbose_name=_("user")
    )
    #: When to check whether the user is still present. None until one of the user's connections ends.
    check_after = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("announced user")
        verbose_name_plural = _("announced users")
        constraints = [
            models.UniqueConstraint(fields=["channel_name", "user"], name="websockets_one_announcement"),
        ]
        indexes = [models.Index(fields=["check_after"], name="websockets_check_after")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.channel_name!r}"


def tracks_presence() -> bool:
    """Return whether a setting or a receiver needs to know which users arrive and leave."""
    return bool(conf.PRESENCE_CHANNELS) or _is_tracked(ONLINE) or _is_heard(user_joined, user_left)


def _is_tracked(channel_name: str) -> bool:
    if channel_name == ONLINE:
        return _is_heard(user_online, user_offline)
    return _is_heard(user_joined, user_left) or is_pushed(channel_name)


def _is_heard(*signals: Signal) -> bool:
    return any(signal.has_listeners(get_user_model()) for signal in signals)


def arrive(session: Any, channel_names: Iterable[str]) -> None:
    """Announce after the commit that the user of ``session`` is in these channels, unless this was announced before.

    The name ``ONLINE`` announces that the user is online.
    """
    names = {name for name in channel_names if _is_tracked(name)}
    if names and session.user_id is not None:
        call_after_commit(session.own_row.write_db, _announce_arrival, session, names)


def _announce_arrival(session: Any, names: Collection[str]) -> None:
    for name in _add(session.own_row.write_db, session.user_id, names):
        if name == ONLINE:
            send_signal(user_online, get_user_model(), user=session.user)
        else:
            send_signal(user_joined, get_user_model(), user=session.user, channel_name=name)
            push_changes(name, but=session, joined=[session.user])


@repeated
def _add(using: str, user_id: Any, names: Collection[str]) -> list[str]:
    """Add the missing rows of a user. Return their channels."""
    announced = AnnouncedUser.objects.using(using).filter(user=user_id, channel_name__in=names)
    # Wait for a running check of these rows. If the check deletes them, the user is announced again.
    known = set(announced.select_for_update().order_by("pk").values_list("channel_name", flat=True))
    return [name for name in sorted(names) if name not in known and _add_one(using, user_id, name)]


def _add_one(using: str, user_id: Any, name: str) -> bool:
    try:
        with transaction.atomic(using=using):
            AnnouncedUser.objects.using(using).create(user_id=user_id, channel_name=name)
    except IntegrityError:
        return False  # Another connection of the user added the row at the same time, or the user was deleted.
    return True


def joined(session: Any, channel_names: Collection[str]) -> None:
    """Announce after the commit that ``session`` has joined channels, and show its page who is there."""
    arrive(session, channel_names)
    for name in channel_names if session.protocol_version else ():
        if is_pushed(name):
            call_after_commit(session.own_row.write_db, _show_list, session, name)


def _show_list(session: Any, channel_name: str) -> None:
    present = AnnouncedUser.objects.using(session.own_row.write_db).filter(channel_name=channel_name).order_by("pk")
    push_list(session, channel_name, [one.user for one in present.select_related("user")])


def left(session: Any) -> None:
    """Schedule a check of the user's presence after the commit, because ``session`` has left a channel."""
    if session.user_id is not None and tracks_presence():
        using = session.own_row.write_db
        call_after_commit(using, depart, [session.user_id], using)


def depart(user_ids: Iterable[Any], using: str) -> None:
    """Schedule a check of these users after the grace period, because each of them has lost a connection."""
    users = {user_id for user_id in user_ids if user_id is not None}
    if not (users and tracks_presence()):
        return
    if _make_due(using, users):
        _enqueue_check(using)


@repeated
def _make_due(using: str, users: Collection[Any]) -> bool:
    rows = AnnouncedUser.objects.using(using).filter(user__in=users)
    # PostgreSQL locks these rows in the order of their keys, so that two processes do not cause a deadlock.
    found = list(rows.select_for_update().order_by("pk").values_list("pk"))
    if found:
        rows.update(check_after=timezone.now() + timedelta(seconds=conf.PRESENCE_GRACE))
    return bool(found)


def _enqueue_check(using: str) -> None:
    if not conf.BACKGROUND:
        return
    try:
        ENGINES.find(conf.BACKGROUND)([Job("check_presence", [using], conf.PRESENCE_GRACE)])
    except Exception:
        logger.exception(
            "The task engine %r did not accept a check of presence. The clean-up will do it", conf.BACKGROUND
        )


def announce_departures(gone: Iterable[AnnouncedUser]) -> None:
    """Announce that these users have left their channels or gone offline."""
    left: dict[str, list[Any]] = {}
    for row in gone:
        if row.channel_name == ONLINE:
            send_signal(user_offline, get_user_model(), user=row.user)
        else:
            send_signal(user_left, get_user_model(), user=row.user, channel_name=row.channel_name)
            left.setdefault(row.channel_name, []).append(row.user)
    for name, users in left.items():
        push_changes(name, left=users)
