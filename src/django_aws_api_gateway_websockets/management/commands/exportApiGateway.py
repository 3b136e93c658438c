from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...models import ApiGateway
from ...provisioning.cloudformation import template
from ..gateways import add_choice, choose


class Command(BaseCommand):
    help = "Print a gateway as a CloudFormation template. The secret is a parameter of the stack, not in the template."

    def add_arguments(self, parser: CommandParser) -> None:
        add_choice(parser, required=True)
        parser.add_argument("--dry-run", action="store_true", help="Changes nothing here: neither does the command.")
        parser.add_argument(
            "--format",
            choices=["cloudformation", "json"],
            default="cloudformation",
            help="cloudformation (default): the template of one gateway; json: a list with the template of each.",
        )
        parser.add_argument("--with-domain", action="store_true", help="With the custom domain, created or not.")

    def handle(self, *args: Any, **options: Any) -> None:
        gateways = choose(options)
        if options["format"] == "json":
            self._print([{"pk": one.pk, "api_name": one.api_name, "template": _of(one, options)} for one in gateways])
        elif len(gateways) == 1:
            self._print(_of(gateways[0], options))
        else:
            raise CommandError(
                f"A template describes one gateway, and {len(gateways)} are chosen: add --format json for a list.",
                returncode=2,
            )

    def _print(self, document: Any) -> None:
        # cfn-lint reads no escaped surrogates: emoji stand as they are.
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))


def _of(gateway: ApiGateway, options: dict[str, Any]) -> dict[str, Any]:
    return template(gateway.definition(options["with_domain"] and bool(gateway.domain_name)))
