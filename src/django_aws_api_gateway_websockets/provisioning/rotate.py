"""A new secret for the integrations of a gateway, without a moment at which neither is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exceptions import GatewayNotCreated
from .applying import Progress
from .gateway import plan_gateway, silent, update_gateway

if TYPE_CHECKING:
    from ..models import ApiGateway
    from .planning import Plan


def plan_rotation(gateway: ApiGateway) -> Plan:
    """What ``rotate_secret`` would do."""
    _check(gateway)
    return plan_gateway(gateway)


def rotate_secret(gateway: ApiGateway, progress: Progress = silent) -> Plan:
    """Write the secret under the current ``SECRET_KEY`` into every integration, and deploy; returns what was done.

    Until the deployment is served, AWS sends the old secret, which ``events`` accepts as long as the old key is
    in ``SECRET_KEY_FALLBACKS``. The secret follows from the key, so this is an update of what differs.
    """
    _check(gateway)
    return update_gateway(gateway, progress=progress)


def _check(gateway: ApiGateway) -> None:
    if not gateway.api_created:
        raise GatewayNotCreated(f"The gateway {gateway.api_name!r} is not in AWS yet: run createApiGateway.")
