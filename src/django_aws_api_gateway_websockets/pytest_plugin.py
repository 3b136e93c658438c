"""Fixtures for pytest. Nothing of Django is imported before a test asks for one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator

import pytest

if TYPE_CHECKING:
    from .testing import GatewayClient, LiveGateway


@pytest.fixture
def gateway_client(db: Any) -> GatewayClient:
    """A ``GatewayClient``: the gateway in process."""
    from .testing import GatewayClient

    return GatewayClient()


@pytest.fixture
def live_gateway(live_server: Any) -> Iterator[LiveGateway]:
    """The local gateway on a free port, in front of ``live_server``'s view under ``/ws/``."""
    from .testing import LiveGateway

    with LiveGateway(live_server.url) as live:
        yield live
