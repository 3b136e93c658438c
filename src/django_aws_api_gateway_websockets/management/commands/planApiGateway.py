from __future__ import annotations

from typing import Any

from ...models import ApiGateway
from ...provisioning import Plan, plan_gateway
from ..gateways import GatewayCommand


class Command(GatewayCommand):
    help = "Show how AWS differs from the gateway rows. Change nothing. Exit code 3 means that something differs."

    def plan_for(self, gateway: ApiGateway) -> Plan:
        return plan_gateway(gateway)

    def _looks_only(self, options: dict[str, Any]) -> bool:
        return True
