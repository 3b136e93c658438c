"""The common parts of the gateway commands: the choice of rows, the output of plans, and exit codes.

Exit codes: 0 for success, 1 for an error, 2 for wrong usage, 3 if AWS differs from the row (``planApiGateway``, and
every command with ``--dry-run``). An error with one gateway does not stop the others.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Iterable, Iterator, Sequence

from django.core.management.base import CommandError, CommandParser

from ..exceptions import WebSocketsError
from ..models import ApiGateway
from ..provisioning import Plan, Step
from ..provisioning.endpoints import place
from ..security.escaping import one_line
from .migrated import DatabaseCommand

DIFFERENCE = 3


class PlaceCommand(DatabaseCommand):
    """A command that prints whether it calls AWS or the local gateway."""

    _place = ""

    def say_place(self, gateway: ApiGateway) -> None:
        """Print where the API of ``gateway`` is, unless the previous gateway was in the same place."""
        if place(gateway) != self._place:
            self._place = place(gateway)
            # Write to stderr, because --format json reserves stdout for the document.
            self.stderr.write(f"Speaking to {self._place}.", style_func=str)


class GatewayCommand(PlaceCommand):
    """A command that does the same to each of several gateways. Subclasses define ``plan_for`` and ``act``."""

    #: The output for a gateway if ``act`` has nothing to do.
    nothing = "in step"

    def add_arguments(self, parser: CommandParser) -> None:
        add_choice(parser, required=True)
        parser.add_argument(
            "--dry-run", action="store_true", help="Show the plan. Exit with code 3 if it is not empty."
        )
        parser.add_argument("--format", choices=["text", "json"], default="text", help="text (default) or json.")

    def prepare(self, gateway: ApiGateway, options: dict[str, Any]) -> None:
        """Change the row according to the options. Raise ``WebSocketsError``."""

    def report(self, gateway: ApiGateway, done: Plan, options: dict[str, Any]) -> str:
        """Return the text that describes what was, or would be, ``done``."""
        return "\n".join([f"{label(gateway)}:", *(f"  {line}" for line in done.lines())])

    def plan_for(self, gateway: ApiGateway) -> Plan:
        """Return what ``act`` would do. Raise ``WebSocketsError`` if AWS cannot be compared."""
        raise NotImplementedError

    def act(self, gateway: ApiGateway) -> Plan:
        """Change AWS and return what was done. Raise ``WebSocketsError`` if that fails."""
        raise NotImplementedError

    def about(self, gateway: ApiGateway, done: Plan) -> str:
        """Return a last line of output about ``gateway``, after ``done`` was done."""
        return ""

    def handle(self, *args: Any, **options: Any) -> None:
        results = [self._one(gateway, options) for gateway in one_by_one(choose(options))]
        if options["format"] == "json":
            self.stdout.write(json.dumps(results, indent=2, default=str))
        end(results, self._looks_only(options) and any(result.get("plan") for result in results))

    def _looks_only(self, options: dict[str, Any]) -> bool:
        return bool(options.get("dry_run"))

    def _one(self, gateway: ApiGateway, options: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {"pk": gateway.pk, "api_name": gateway.api_name}
        try:
            self.prepare(gateway, options)
            self.say_place(gateway)
            done = self.plan_for(gateway) if self._looks_only(options) else self.act(gateway)
        except WebSocketsError as error:
            return {**result, "error": str(error)}
        if options["format"] == "text":
            self._write(gateway, done, options)
        facts = {"api_id": gateway.api_id, "websocket_url": gateway.websocket_url}
        return {**result, **facts, "plan": done.shown()}

    def _write(self, gateway: ApiGateway, done: Plan, options: dict[str, Any]) -> None:
        looked_only = self._looks_only(options)
        if not done:
            missing = f"; {one_line(gateway.domain_name)} is not created: run createCustomDomain --pk={gateway.pk}"
            lacks = gateway.status == gateway.Status.LACKS_DOMAIN
            self.stdout.write(f"{label(gateway)}: {self.nothing}{missing if lacks else ''}")
        elif looked_only or not self.stdout.isatty():
            self.stdout.write(self.report(gateway, done, options))
        about = "" if looked_only else self.about(gateway, done)
        if about:
            self.stdout.write(one_line(about))

    def progress(self, step: Step) -> None:
        """Show the step that begins, but only on a terminal."""
        if self.stdout.isatty():
            self.stdout.write(f"  {step} …")
            self.stdout.flush()


def label(gateway: ApiGateway) -> str:
    """Return the gateway's name, safe for a terminal. Names may come from an import."""
    return one_line(str(gateway))


def add_choice(parser: CommandParser, required: bool) -> None:
    """Add ``--pk`` and ``--all``, which ``choose`` reads."""
    chosen = parser.add_mutually_exclusive_group(required=required)
    chosen.add_argument("--pk", type=int, nargs="+", help="Primary keys of API gateways.")
    chosen.add_argument("--all", action="store_true", help="Every API gateway.")


def choose(options: dict[str, Any]) -> list[ApiGateway]:
    """Return the rows that ``--pk`` or ``--all`` select. Raise ``CommandError`` if a row does not exist."""
    rows = ApiGateway.objects.order_by("pk")
    if options.get("all"):
        return list(rows)
    pks = options["pk"] if isinstance(options["pk"], Sequence) else [options["pk"]]
    found = list(rows.filter(pk__in=pks))
    missing = sorted(set(map(int, pks)) - {gateway.pk for gateway in found})
    if missing:
        raise CommandError(f"There is no API gateway with the primary key {', '.join(map(str, missing))}.")
    return found


def one_by_one(gateways: Iterable[ApiGateway]) -> Iterator[ApiGateway]:
    """Yield each row, read from the database just before use, because the previous rows may take minutes."""
    for gateway in gateways:
        yield from ApiGateway.objects.filter(pk=gateway.pk)


def end(results: list[dict[str, Any]], differs: bool) -> None:
    """End the command.

    Raise ``CommandError`` (1) if a result has an ``error``; exit with code 3 if something differs.
    """
    failed = [result for result in results if "error" in result]
    if failed:
        raise CommandError(_failure(failed, len(results)))
    if differs:
        sys.exit(DIFFERENCE)


def _failure(failed: list[dict[str, Any]], total: int) -> str:
    errors = "\n".join(f"{one_line(one['api_name'])}: {one_line(one['error'])}" for one in failed)
    return errors if total == 1 else f"{errors}\n{len(failed)} of {total} gateways failed."
