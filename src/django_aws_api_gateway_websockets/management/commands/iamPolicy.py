from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from ...provisioning.policy import provisioning_policy, sending_policy
from ..gateways import add_choice, choose
from ..migrated import DatabaseCommand


class Command(DatabaseCommand):
    help = "Print the minimal IAM policy for provisioning gateways or for sending. --pk and --all narrow it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--for", choices=["provisioning", "sending"], default="provisioning", dest="purpose")
        add_choice(parser, required=False)

    def handle(self, *args: Any, **options: Any) -> None:
        gateways = choose(options) if options["pk"] or options["all"] else []
        policy = sending_policy if options["purpose"] == "sending" else provisioning_policy
        self.stdout.write(json.dumps(policy(gateways), indent=2))
