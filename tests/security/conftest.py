from __future__ import annotations

import json

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()


@pytest.fixture
def said():
    """The message of a refusal."""
    return lambda response: json.loads(response.content)["message"]


@pytest.fixture
def settings_without_limits(settings):
    settings.WEBSOCKETS = {"CONNECTS_PER_IP": None, "CONNECTS_PER_USER": None, "MESSAGES_PER_CONNECTION": None}
