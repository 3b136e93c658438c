from __future__ import annotations

from ...models import ApiGateway
from ...provisioning import Plan
from ...provisioning.rotate import plan_rotation, rotate_secret
from ..gateways import GatewayCommand


class Command(GatewayCommand):
    help = (
        "Write the gateways' secret under the current SECRET_KEY into their integrations. Before: put the new key into "
        "SECRET_KEY, the old one into SECRET_KEY_FALLBACKS, and restart every process. After: remove the old one."
    )
    nothing = "sends the secret of the current SECRET_KEY"

    def plan_for(self, gateway: ApiGateway) -> Plan:
        return plan_rotation(gateway)

    def act(self, gateway: ApiGateway) -> Plan:
        return rotate_secret(gateway, self.progress)
