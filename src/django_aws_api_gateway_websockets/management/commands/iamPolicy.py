from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...provisioning.policy import provisioning_policy, sending_policy
from ..gateways import choose


class Command(BaseCommand):
    help = "Print the least IAM policy, as JSON, for provisioning gateways or for sending through them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--for", choices=["provisioning", "sending"], default="provisioning", dest="purpose")
        parser.add_argument("--pk", type=int, nargs="+", help="Narrowed to these API gateways.")
        parser.add_argument("--all", action="store_true", help="Narrowed to every API gateway that there is now.")

    def handle(self, *args: Any, **options: Any) -> None:
        gateways = choose(options) if options["pk"] or options["all"] else []
        policy = sending_policy if options["purpose"] == "sending" else provisioning_policy
        self.stdout.write(json.dumps(policy(gateways), indent=2))
