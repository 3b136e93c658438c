from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ...models import ApiGateway
from ...provisioning import Plan, plan_gateway, update_gateway
from ..gateways import GatewayCommand


class Command(GatewayCommand):
    help = "Create the custom domain of a gateway and map it to the API's stage."
    nothing = "already created, and in step"
    adopt = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--adopt",
            action="store_true",
            help="Take over a custom domain that exists. From then on, the row determines its certificate and tags.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.adopt = options["adopt"]
        super().handle(*args, **options)

    def plan_for(self, gateway: ApiGateway) -> Plan:
        return plan_gateway(gateway, with_domain=True, adopt=self.adopt)

    def act(self, gateway: ApiGateway) -> Plan:
        return update_gateway(gateway, with_domain=True, adopt=self.adopt, progress=self.progress)

    def about(self, gateway: ApiGateway, done: Plan) -> str:
        if gateway.manage_dns_record:
            return f"{gateway.domain_name}: the alias record in the zone {gateway.hosted_zone_id} points at the gateway"
        return f"{gateway.domain_name}: point its DNS record (CNAME or alias) at {gateway.api_gateway_domain_name}"
