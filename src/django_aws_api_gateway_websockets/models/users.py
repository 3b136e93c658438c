"""Check that values are users, and name the one that is not."""

from __future__ import annotations

from typing import Any, Iterable


def is_user(value: Any) -> bool:
    """Return whether ``value`` is a user, such as ``request.user``, with or without a login."""
    return hasattr(value, "is_authenticated")


def checked_users(function: str, users: Any, one: str) -> list[Any]:
    """Return ``users`` as a list. Raise ``TypeError`` if one of them is not a user, such as a name or a key.

    ``function`` is the name of the caller, and ``one`` is what to do for a single user, for the message.
    """
    if is_user(users) or isinstance(users, (str, bytes)) or not isinstance(users, Iterable):
        raise TypeError(f"{function} takes a list or a queryset of users, not {users!r:.80}. {one}")
    found = list(users)
    for user in found:
        if not is_user(user):
            raise TypeError(
                f"{function} takes users, not {user!r:.80}. Load them first, such as with "
                "User.objects.filter(pk__in=…)."
            )
    return found
