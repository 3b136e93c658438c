"""Channel permissions become channel rules if a rule means exactly the same. Unclear permissions allow nobody."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

from .former import Former

#: The names that the other package may use for these audiences.
_AUDIENCES = {
    **dict.fromkeys(("public", "anyone", "open", "everyone"), "anyone"),
    **dict.fromkeys(("authenticated", "logged_in", "login"), "logged_in"),
    "staff": "staff",
}
# The other package's channel names are exact, so escape them as patterns.
_PATTERN = re.compile(r"[*?]|\{user_pk\}")
_BATCH = 1000


def rules_of(former: Former, model: Any, notes: Counter[str]) -> list[Any]:
    """Return the channel rules that replace the kept channel permissions."""
    sets = _permission_sets(former)
    rules: list[Any] = []
    for batch in former.rows("channelpermission", _BATCH):
        for row in batch:
            found = _rules(model, row, sets[row.id])
            if not found or _PATTERN.search(row.channel_name):
                notes[f"the channel {row.channel_name!r} ({row.access}) needs a rule; until then, nobody can join"] += 1
            else:
                rules += found
    return rules


def _permission_sets(former: Former) -> dict[int, list[list[int]]]:
    """Return the permissions of each rule, by channel."""
    of_rule: dict[int, list[int]] = defaultdict(list)
    for batch in former.rows("channelpermissionrule_permissions", _BATCH):
        for row in batch:
            of_rule[row.channelpermissionrule_id].append(row.permission_id)
    sets: dict[int, list[list[int]]] = defaultdict(list)
    for batch in former.rows("channelpermissionrule", _BATCH):
        for row in batch:
            sets[row.channel_permission_id].append(of_rule[row.id])
    return sets


def _rules(model: Any, row: Any, sets: list[list[int]]) -> list[Any]:
    if not sets:
        audience = _AUDIENCES.get(str(row.access).lower())
        return [model(pattern=row.channel_name, audience=audience)] if audience else []
    if any(len(one) != 1 for one in sets):
        # A ChannelRule cannot require several permissions at once, and requiring only one of them would admit more
        # people.
        return []
    return [model(pattern=row.channel_name, audience="permission", permission_id=key) for (key,) in sets]
