from __future__ import annotations

from ...models import ApiGateway
from ...provisioning import Plan, plan_gateway, update_gateway
from ..gateways import GatewayCommand


class Command(GatewayCommand):
    help = "Create the custom domain of a gateway and map it to the API's stage."
    nothing = "created already, and in step"

    def plan_for(self, gateway: ApiGateway) -> Plan:
        return plan_gateway(gateway, with_domain=True)

    def act(self, gateway: ApiGateway) -> Plan:
        return update_gateway(gateway, with_domain=True, progress=self.progress)

    def about(self, gateway: ApiGateway, done: Plan) -> str:
        if gateway.manage_dns_record:
            return f"{gateway.domain_name}: the alias record in zone {gateway.hosted_zone_id} points at the gateway"
        return f"{gateway.domain_name}: point its DNS record (CNAME or alias) at {gateway.api_gateway_domain_name}"
