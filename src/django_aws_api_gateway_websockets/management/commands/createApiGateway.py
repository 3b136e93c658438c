from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import CommandParser

from ...models import ApiGateway
from ...provisioning import Plan, plan_gateway, update_gateway
from ...provisioning.endpoints import mark_local
from ..gateways import GatewayCommand


class Command(GatewayCommand):
    help = "Create the API of a gateway row in AWS, or continue where an earlier attempt stopped."
    nothing = "already created, and in step"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--local", action="store_true", help="Mark the row as local first. This needs no AWS account."
        )

    def prepare(self, gateway: ApiGateway, options: dict[str, Any]) -> None:
        if options["local"]:
            mark_local(gateway, save=not options["dry_run"])

    def plan_for(self, gateway: ApiGateway) -> Plan:
        return plan_gateway(gateway)

    def act(self, gateway: ApiGateway) -> Plan:
        return update_gateway(gateway, progress=self.progress)

    def report(self, gateway: ApiGateway, done: Plan, options: dict[str, Any]) -> str:
        if options["dry_run"] or options["verbosity"] > 1:
            return super().report(gateway, done, options)
        return f"{gateway}: {summary(done)}"

    def about(self, gateway: ApiGateway, done: Plan) -> str:
        return f"{gateway}: {gateway.websocket_url}"


def summary(done: Plan) -> str:
    """Return the plan as one line: ``created 3 routes and 1 stage; updated 1 route``."""
    counts = Counter((step.action, step.resource.kind) for step in done)
    by_action: dict[str, list[str]] = {}
    for (action, kind), count in counts.items():
        by_action.setdefault(action, []).append(f"{count} {kind}{'s' if count > 1 and not kind.endswith('s') else ''}")
    return "; ".join(f"{action}d {_listed(things)}" for action, things in by_action.items())


def _listed(things: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(things[:-1]), things[-1]]))
