from __future__ import annotations

from ...models import ApiGateway
from ...provisioning import Plan, plan_gateway, update_gateway
from ..gateways import GatewayCommand


class Command(GatewayCommand):
    help = "Create the API of a gateway row in AWS, or continue where an earlier attempt stopped."
    nothing = "created already, and in step"

    def plan_for(self, gateway: ApiGateway) -> Plan:
        return plan_gateway(gateway)

    def act(self, gateway: ApiGateway) -> Plan:
        return update_gateway(gateway, progress=self.progress)

    def about(self, gateway: ApiGateway, done: Plan) -> str:
        return f"{gateway}: {gateway.websocket_url}"
