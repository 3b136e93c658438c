from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...models import ApiGateway
from ...provisioning import Plan, plan_removal_of, remove_gateway
from ..gateways import GatewayCommand, choose, label


class Command(GatewayCommand):
    help = "Delete the API of a gateway in AWS, with its mapping and domain name. The row stays."
    nothing = "there is nothing in AWS"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--no-input", action="store_false", dest="interactive", help="Do not ask.")

    def plan_for(self, gateway: ApiGateway) -> Plan:
        return plan_removal_of(gateway)

    def act(self, gateway: ApiGateway) -> Plan:
        return remove_gateway(gateway, progress=self.progress)

    def report(self, gateway: ApiGateway, done: Plan, options: dict[str, Any]) -> str:
        count = _count_open(gateway)
        return super().report(gateway, done, options) + (f"\n  close {_open(count)}" if count else "")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["interactive"] and not options["dry_run"]:
            gateways = choose(options)
            names, closed = ", ".join(map(label, gateways)), _open(sum(map(_count_open, gateways)))
            if names and self._answer(f"Delete the API of {names}, closing {closed}? Type yes: ") != "yes":
                raise CommandError("Nothing was deleted. Type yes to confirm, or use --no-input.")
        super().handle(*args, **options)

    def _answer(self, question: str) -> str:
        # input() would prompt on stdout, which --format json reserves for the document.
        self.stderr.write(question, style_func=str, ending="")
        self.stderr.flush()
        return sys.stdin.readline().strip()


def _count_open(gateway: ApiGateway) -> int:
    return gateway.sessions.filter(connected=True).count()


def _open(count: int) -> str:
    return f"{count:,} open connection{'' if count == 1 else 's'}"
