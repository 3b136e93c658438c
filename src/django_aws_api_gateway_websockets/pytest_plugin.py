"""Fixtures for pytest. The plugin imports nothing of Django until a test uses a fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator

import pytest

if TYPE_CHECKING:
    from .testing import GatewayClient, LiveGateway

_FIXTURES = {"gateway_client", "live_gateway"}
#: pytest-django by its entry point, and by its module with ``-p``.
_PYTEST_DJANGO = ("django", "pytest_django.plugin")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Name the missing plugin. Without this hook, the error would be: fixture 'db' not found."""
    asked = sorted(_FIXTURES.intersection(getattr(item, "fixturenames", ())))
    if asked and not any(map(item.config.pluginmanager.has_plugin, _PYTEST_DJANGO)):
        pytest.fail(
            f"The fixture {asked[0]} needs pytest-django. Run: pip install pytest-django. Then name your settings in "
            "DJANGO_SETTINGS_MODULE or with --ds.",
            pytrace=False,
        )


@pytest.fixture
def gateway_client(db: Any) -> GatewayClient:
    """A ``GatewayClient``: a gateway inside the test process."""
    from .testing import GatewayClient

    return GatewayClient()


@pytest.fixture
def live_gateway(live_server: Any) -> Iterator[LiveGateway]:
    """The local gateway on a free port. It sends events to the view that ``live_server`` serves under ``/ws/``."""
    from .testing import LiveGateway

    with LiveGateway(live_server.url) as live:
        yield live
