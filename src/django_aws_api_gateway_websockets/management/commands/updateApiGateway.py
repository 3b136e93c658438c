from __future__ import annotations

from ...models import ApiGateway
from ...provisioning import Plan, plan_gateway, update_gateway
from ..gateways import GatewayCommand


class Command(GatewayCommand):
    help = "Update AWS to match the gateway rows: create, change and delete what planApiGateway shows."

    def plan_for(self, gateway: ApiGateway) -> Plan:
        return plan_gateway(gateway)

    def act(self, gateway: ApiGateway) -> Plan:
        return update_gateway(gateway, progress=self.progress)

    def about(self, gateway: ApiGateway, done: Plan) -> str:
        return f"{gateway}: {gateway.websocket_url}" if done else ""
