from __future__ import annotations

from ...models import ApiGateway
from ...provisioning import Plan, check_created, plan_gateway, rotate_secret
from ..gateways import GatewayCommand


class Command(GatewayCommand):
    help = (
        "Write the gateways' secret under the current SECRET_KEY into their integrations. First put the new key into "
        "SECRET_KEY and the old key into SECRET_KEY_FALLBACKS, and restart every process. Then remove the old key."
    )
    nothing = "sends the secret of the current SECRET_KEY"

    def plan_for(self, gateway: ApiGateway) -> Plan:
        check_created(gateway)
        return plan_gateway(gateway)

    def act(self, gateway: ApiGateway) -> Plan:
        return rotate_secret(gateway, progress=self.progress)
