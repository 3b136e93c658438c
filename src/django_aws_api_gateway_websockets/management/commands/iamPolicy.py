from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...provisioning.policy import provisioning_policy, sending_policy
from ..gateways import add_choice, choose


class Command(BaseCommand):
    help = "Print the least IAM policy for provisioning gateways or for sending: narrowed to those of --pk or --all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--for", choices=["provisioning", "sending"], default="provisioning", dest="purpose")
        add_choice(parser, required=False)
        parser.add_argument("--dry-run", action="store_true", help="Changes nothing here: neither does the command.")
        parser.add_argument("--format", choices=["json"], default="json", help="IAM takes JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        gateways = choose(options) if options["pk"] or options["all"] else []
        policy = sending_policy if options["purpose"] == "sending" else provisioning_policy
        self.stdout.write(json.dumps(policy(gateways), indent=2))
