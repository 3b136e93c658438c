"""A day of 50 users on a controlled clock: presence differs from the truth by no more than its bound."""

from __future__ import annotations

import pytest

from . import presence_day


@pytest.mark.once
@pytest.mark.django_db
def test_presence_is_correct_for_a_whole_day(settings):
    settings.WEBSOCKETS = presence_day.options()
    day = presence_day.simulate(users=50, rooms=3, joins=2)
    assert day.problems == []
    assert not any(day.announced.values())
    assert day.counts["came"] == day.counts["went"] > 100
    assert min(day.counts[name] for name in ("lost", "reloads", "hand-overs", "lingering")) >= 3
