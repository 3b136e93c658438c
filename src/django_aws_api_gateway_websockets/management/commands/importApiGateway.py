from __future__ import annotations

import json
from typing import Any, Iterable

from django.core.management.base import CommandError, CommandParser

from ...exceptions import WebSocketsError
from ...models import ApiGateway
from ...provisioning import importing
from ...security.escaping import one_line
from ..gateways import PlaceCommand, choose, end, one_by_one


class Command(PlaceCommand):
    help = "Make a gateway row from an API in AWS (--api-id), or write AWS's values into a row (--pk)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--api-id", default="", help="The id of an API in AWS.")
        parser.add_argument("--local", action="store_true", help="The API is on the local gateway, not in AWS.")
        parser.add_argument("--stage", default="", help="The stage of the API. The default is production.")
        parser.add_argument(
            "--pk", type=int, nargs="+", help="Primary keys of API gateways. With --api-id, give only one."
        )
        parser.add_argument("--all", action="store_true", help="Every API gateway that has an API in AWS.")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Show how the rows would change. Exit with code 3 if anything would change.",
        )
        parser.add_argument("--format", choices=["text", "json"], default="text", help="text (default) or json.")

    def handle(self, *args: Any, **options: Any) -> None:
        api_id, stage = options["api_id"], options["stage"]
        results = [self._one(gateway, api_id, stage, options) for gateway in self._gateways(options)]
        if options["format"] == "json":
            self.stdout.write(json.dumps(results, indent=2, default=str))
        end(results, options["dry_run"] and any(result.get("differs") for result in results))

    def _gateways(self, options: dict[str, Any]) -> Iterable[ApiGateway]:
        rows = bool(options["pk"] or options["all"])
        if not rows and not options["api_id"]:
            raise CommandError("Use --api-id to create a new row, or --pk for an existing row.", returncode=2)
        known = ApiGateway.objects.filter(api_id=options["api_id"]).first() if options["api_id"] else None
        gateways = choose(options) if rows else [ApiGateway(is_local=options["local"])]
        if options["api_id"] and len(gateways) != 1:
            raise CommandError("An API belongs to one row. With --api-id, give at most one --pk.", returncode=2)
        if known and known.pk != gateways[0].pk:
            raise CommandError(f"The API {options['api_id']} belongs to {known.api_name!r}. Use --pk={known.pk}.")
        if not rows:
            return gateways
        return (gateway for gateway in one_by_one(gateways) if gateway.api_id or not options["all"])

    def _one(self, gateway: ApiGateway, api_id: str, stage: str, options: dict[str, Any]) -> dict[str, Any]:
        find = importing.plan_import if options["dry_run"] else importing.import_gateway
        self.say_place(gateway)
        try:
            found = find(gateway, api_id, stage)
        except WebSocketsError as error:
            return {"pk": gateway.pk, "api_name": gateway.api_name or api_id, "error": str(error)}
        if options["format"] == "text":
            self._write(gateway, found)
        changes = {name: {"old": old, "new": new} for name, (old, new) in found.fields.items()}
        return {
            "pk": gateway.pk,
            "api_name": gateway.api_name or found.api_id,
            "api_id": found.api_id,
            "changes": changes,
            "routes": found.routes,
            "differs": bool(found.lines()),
        }

    def _write(self, gateway: ApiGateway, found: importing.Import) -> None:
        name = one_line(gateway.api_name or found.api_id)
        self.stdout.write(f"{name} ({f'pk {gateway.pk}' if gateway.pk else 'a new row'}):")
        self.stdout.write("\n".join(f"  {line}" for line in found.lines()) or "  the row matches AWS")
        if found.sends_secret is False:
            self.stdout.write("The integrations do not send the gateway's secret, so the view refuses its events.")
        self.stdout.write("planApiGateway shows what an import cannot read, such as the gateway's secret.")
