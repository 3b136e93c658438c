from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...exceptions import InvalidGateway
from ...models import ApiGateway
from ...provisioning.cloudformation import template
from ...security.escaping import one_line
from ..gateways import add_choice, choose, label
from ..migrated import DatabaseCommand


class Command(DatabaseCommand):
    help = "Print a gateway as a CloudFormation template. The gateway's secret is a parameter of the stack."

    def add_arguments(self, parser: CommandParser) -> None:
        add_choice(parser, required=True)
        parser.add_argument(
            "--format",
            choices=["cloudformation", "json"],
            default="cloudformation",
            help="cloudformation (default): the template of one gateway; json: a list of templates, one per gateway.",
        )
        parser.add_argument(
            "--with-domain", action="store_true", help="Include the custom domain, whether it is created or not."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        gateways = choose(options)
        if options["format"] == "json":
            self._print([{"pk": one.pk, "api_name": one.api_name, "template": _of(one, options)} for one in gateways])
        elif len(gateways) == 1:
            self._print(_of(gateways[0], options))
        else:
            raise CommandError(
                f"A template describes one gateway, and you chose {len(gateways)}. Add --format json for a list.",
                returncode=2,
            )

    def _print(self, document: Any) -> None:
        # cfn-lint does not read escaped surrogate pairs, so emoji stay. Terminal control characters are escaped.
        text = json.dumps(document, indent=2, ensure_ascii=False)
        self.stdout.write("".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text))


def _of(gateway: ApiGateway, options: dict[str, Any]) -> dict[str, Any]:
    try:
        return template(gateway.definition(options["with_domain"] and bool(gateway.domain_name)))
    except InvalidGateway as error:
        raise CommandError(f"{label(gateway)}: {one_line(str(error))}") from error
