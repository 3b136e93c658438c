"""Fixtures for pytest. The plugin imports nothing of Django until a test uses a fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator

import pytest

if TYPE_CHECKING:
    from .testing import GatewayClient, LiveGateway


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
