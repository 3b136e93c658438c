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

    def handle(self, *args: Any, **options: Any) -> None:
        if options["interactive"] and not options["dry_run"]:
            names = ", ".join(label(gateway) for gateway in choose(options))
            if names and self._answer(f"Delete {names} in AWS, closing every connection? Type yes: ") != "yes":
                raise CommandError("Nothing was deleted. Type yes to confirm, or use --no-input.")
        super().handle(*args, **options)

    def _answer(self, question: str) -> str:
        # input() would prompt on stdout, which --format json reserves for the document.
        self.stderr.write(question, style_func=str, ending="")
        self.stderr.flush()
        return sys.stdin.readline().strip()
