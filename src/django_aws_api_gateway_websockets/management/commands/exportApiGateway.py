from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...provisioning.cloudformation import template
from ..gateways import choose


class Command(BaseCommand):
    help = "Print a gateway as a CloudFormation template. The secret is a parameter of the stack, not in the template."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--pk", type=int, nargs="+", required=True, help="The primary key of one API gateway.")
        parser.add_argument("--format", choices=["cloudformation"], default="cloudformation")
        parser.add_argument("--with-domain", action="store_true", help="With the custom domain, created or not.")

    def handle(self, *args: Any, **options: Any) -> None:
        gateways = choose(options)
        if len(gateways) != 1:
            raise CommandError("A template describes one gateway: give one --pk.", returncode=2)
        with_domain = options["with_domain"] and bool(gateways[0].domain_name)
        # cfn-lint reads no escaped surrogates: emoji stand as they are.
        self.stdout.write(json.dumps(template(gateways[0].definition(with_domain)), indent=2, ensure_ascii=False))
