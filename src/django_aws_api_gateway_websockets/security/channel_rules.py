"""Rules that decide who may join which channel, and which names a channel may have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Iterable, Mapping, Protocol

from django.utils.functional import Promise

from ..exceptions import InvalidBody

__all__ = [
    "MAX_CHANNEL_LENGTH",
    "MAX_WILDCARDS",
    "Channel",
    "Rule",
    "as_text",
    "channel_of",
    "check_channel_name",
    "check_joinable",
    "check_pattern",
    "may_join",
    "names_of",
]

MAX_CHANNEL_LENGTH = 255
#: The wildcards ("*" and "?") that one pattern may contain.
MAX_WILDCARDS = 16

_SPECIAL = re.compile(r"(\?|\{user_pk\})")


class Rule(Protocol):
    """An object that decides whether a user may join a channel, such as ``Channel`` or ``models.ManagedChannels``."""

    def allows(self, user: Any, channel_name: str) -> bool: ...


def check_channel_name(name: object) -> None:
    """Raise ``InvalidBody`` if ``name`` is not a string, is too long, or contains characters that do not print."""
    if not isinstance(name, str):
        raise InvalidBody(f"A channel name must be a string, not {name!r:.50}.")
    if len(name) > MAX_CHANNEL_LENGTH:
        raise InvalidBody(
            f"A channel name must have at most {MAX_CHANNEL_LENGTH} characters. {name[:20]!r}… has {len(name)}."
        )
    if not name.isprintable():
        raise InvalidBody(f"A channel name must have printable characters only, unlike {name[:50]!r}.")
    # MariaDB treats "staff " and "staff" as equal, so a rule for one would not protect the other.
    if name != name.strip():
        raise InvalidBody("A channel name must not begin or end with a space.")


def check_joinable(name: object) -> None:
    """Raise ``InvalidBody`` if ``name`` is empty or cannot be a channel name."""
    check_channel_name(name)
    if not name:
        raise InvalidBody("A channel name must not be empty.")


def as_text(name: Any) -> Any:
    """Return a lazy translation as a string, and anything else unchanged."""
    return str(name) if isinstance(name, Promise) else name


def channel_of(function: str, name: object, remedy: str = "") -> str:
    """Return the argument of ``function`` that names one channel.

    Raise ``TypeError`` if it is not a string, and ``ValueError`` if it is empty: the channel name of every connection
    without a channel is empty, so an empty name would find all of them.
    """
    text = as_text(name)
    if not isinstance(text, str):
        raise TypeError(f"{function} takes the name of a channel, not {name!r:.80}. {remedy}".rstrip())
    if not text:
        raise ValueError(f"{function} got an empty channel name. Pass the name of a channel.")
    return text


def names_of(function: str, names: object) -> list[Any]:
    """Return the argument of ``function`` that lists channel names. Raise ``TypeError`` for a single name."""
    names = as_text(names)
    if isinstance(names, (str, bytes)):
        raise TypeError(f"{function} takes a list of channel names, not the text {names!r:.80}. Pass [{names!r:.80}].")
    if isinstance(names, Mapping) or not isinstance(names, Iterable):
        raise TypeError(f"{function} takes a list of channel names, not {names!r:.80}.")
    return [as_text(name) for name in names]


def may_join(rules: Iterable[Rule] | None, user: Any, channel_name: str) -> bool:
    """Return whether one of ``rules`` allows ``user`` to join. Without rules (None), everybody may join."""
    return rules is None or any(rule.allows(user, channel_name) for rule in rules)


def check_pattern(pattern: str) -> None:
    """Raise ``TypeError`` if ``pattern`` is not a string, and ``ValueError`` if it is empty or too complex."""
    if not isinstance(pattern, str):
        raise TypeError(f"A channel pattern must be a string, not {pattern!r:.80}. Write a text such as 'room-*'.")
    if not pattern:
        raise ValueError("A channel pattern must not be empty. Write '*' for all channels.")
    if len(pattern) > MAX_CHANNEL_LENGTH:
        raise ValueError(f"A channel pattern must have at most {MAX_CHANNEL_LENGTH} characters.")
    if pattern.count("*") + pattern.count("?") > MAX_WILDCARDS:
        raise ValueError(f"The channel pattern {pattern!r} has more than {MAX_WILDCARDS} wildcards.")


@dataclass(frozen=True)
class Channel:
    """A rule about the channels whose name matches ``pattern``.

    ``*`` matches any text, ``?`` matches one character, and ``{user_pk}`` matches the primary key of the user who
    joins. Without further arguments, everybody may join. With several, the user must meet all of them. Inactive users
    meet none::

        channel_rules = [
            Channel("lobby"),
            Channel("user-{user_pk}"),
            Channel("staff-*", staff=True),
            Channel("room-*", permission="chat.view_room"),
        ]

    Raises ``TypeError`` or ``ValueError`` if the pattern is empty, too long or has more than 16 wildcards, and if
    ``group`` or ``permission`` is not a name.
    """

    pattern: str
    login_required: bool = False
    staff: bool = False
    group: str | None = None
    permission: str | None = None

    def __post_init__(self) -> None:
        check_pattern(self.pattern)
        for argument in ("group", "permission"):
            name = getattr(self, argument)
            if name is not None and not isinstance(name, str):
                raise TypeError(f"Channel({argument}=…) takes the name of one {argument}, not {name!r:.80}.")
            # An empty name, for example from a setting, would let everybody join.
            if name == "":
                raise ValueError(f"Channel({argument}=…) is empty. Write the name of a {argument}, or leave it out.")

    def allows(self, user: Any, channel_name: str) -> bool:
        """Return whether ``user`` may join the channel because of this rule."""
        return matches(self.pattern, user, channel_name) and self._is_met_by(user)

    def _is_met_by(self, user: Any) -> bool:
        if not (self.login_required or self.staff or self.group or self.permission):
            return True
        if not (user.is_authenticated and user.is_active):
            return False
        if self.staff and not user.is_staff:
            return False
        if self.group and not user.groups.filter(name=self.group).exists():
            return False
        return not self.permission or bool(user.has_perm(self.permission))


def matches(pattern: str, user: Any, channel_name: str) -> bool:
    """Return whether the whole ``channel_name`` matches ``pattern`` for ``user``. Case matters."""
    personal = "{user_pk}" in pattern
    if personal and user.pk is None:
        return False
    return _compiled(pattern, str(user.pk) if personal else "").match(channel_name) is not None


def matches_text(pattern: str, channel_name: str) -> bool:
    """Return whether the whole ``channel_name`` matches ``pattern``, which has wildcards only."""
    return _compiled(pattern, "").match(channel_name) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str, user_pk: str) -> re.Pattern[str]:
    """Compile ``pattern`` to an expression that never backtracks over an earlier ``*``.

    Each part between two wildcards is matched where it first occurs, and stays there. ``(?=(...))\\N`` is how Python
    before 3.11 writes an atomic group. Without it, a pattern like ``*a*a*a*a*b`` would take seconds.
    """
    first, *rest = (_fixed(part, user_pk) for part in re.sub(r"\*+", "*", pattern).split("*"))
    if not rest:
        return re.compile(first + r"\Z", re.DOTALL)
    *middle, last = rest
    found = "".join(f"(?=(.*?{part}))\\{number}" for number, part in enumerate(middle, 1))
    return re.compile(f"{first}{found}.*{last}\\Z", re.DOTALL)


def _fixed(part: str, user_pk: str) -> str:
    special = {"?": ".", "{user_pk}": re.escape(user_pk)}
    return "".join(special.get(piece, re.escape(piece)) for piece in _SPECIAL.split(part))
