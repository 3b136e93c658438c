"""Which channels a user may join: names that can be stored and logged, and rules that can be declared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Iterable, Protocol

from ..exceptions import InvalidBody

MAX_CHANNEL_LENGTH = 255


class Rule(Protocol):
    """Anything that can answer for a user and a channel. ``Channel`` is one, ``models.ManagedChannels`` another."""

    def allows(self, user: Any, channel_name: str) -> bool: ...


def check_channel_name(name: object) -> None:
    """Raise ``InvalidBody`` for what is no text, or one that is too long or that a database or a log would choke on."""
    if not isinstance(name, str):
        raise InvalidBody(f"A channel name is a text, not {name!r:.50}.")
    if len(name) > MAX_CHANNEL_LENGTH or not name.isprintable():
        raise InvalidBody(f"A channel name has {MAX_CHANNEL_LENGTH} printable characters at most.")
    # MariaDB finds "staff " where one asks for "staff", so that a rule about the one would not guard the other.
    if name != name.strip():
        raise InvalidBody("A channel name neither begins nor ends with a space.")


def may_join(rules: Iterable[Rule] | None, user: Any, channel_name: str) -> bool:
    """Whether one of ``rules`` lets ``user`` in. None: there are no rules, so everyone may join everything."""
    return rules is None or any(rule.allows(user, channel_name) for rule in rules)


@dataclass(frozen=True)
class Channel:
    """A rule: who may join the channels whose name matches ``pattern``.

    ``*`` stands for any text, ``?`` for one character, ``{user_pk}`` for the primary key of whoever asks.
    Without further requirement anyone may join; with several, each must be met::

        channel_rules = [
            Channel("lobby"),
            Channel("user-{user_pk}"),
            Channel("staff-*", staff=True),
            Channel("room-*", permission="chat.view_room"),
        ]
    """

    pattern: str
    login_required: bool = False
    staff: bool = False
    group: str = ""
    permission: str = ""

    def allows(self, user: Any, channel_name: str) -> bool:
        return matches(self.pattern, user, channel_name) and self._is_for(user)

    def _is_for(self, user: Any) -> bool:
        if (self.login_required or self.staff or self.group or self.permission) and not user.is_authenticated:
            return False
        if self.staff and not (user.is_active and user.is_staff):
            return False
        if self.group and not user.groups.filter(name=self.group).exists():
            return False
        return not self.permission or bool(user.has_perm(self.permission))


def matches(pattern: str, user: Any, channel_name: str) -> bool:
    """Whether ``channel_name`` as a whole matches ``pattern``, for ``user``. Upper and lower case differ."""
    personal = "{user_pk}" in pattern
    if personal and user.pk is None:
        return False
    return _compiled(pattern, str(user.pk) if personal else "").match(channel_name) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str, user_pk: str) -> re.Pattern[str]:
    special = {"*": ".*", "?": ".", "{user_pk}": re.escape(user_pk)}
    parts = re.split(r"(\*|\?|\{user_pk\})", pattern)
    return re.compile("".join(special.get(part, re.escape(part)) for part in parts) + r"\Z", re.DOTALL)
