from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from ...answers import QUESTIONS, write_answers
from ...doctor import IDLE, Probed, Report, Visit, examine, probe
from ...exceptions import WebSocketsError
from ...models import ApiGateway
from ...provisioning.endpoints import place
from ...security.escaping import one_line
from ..gateways import add_choice, choose, label
from ..migrated import DatabaseCommand


class Command(DatabaseCommand):
    help = (
        "Examine gateways: settings, URLs, the API, DNS, certificate, and a live round trip. Exit code 1 means that "
        "an error was found, 3 that there are only warnings."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_choice(parser, required=True)
        parser.add_argument("--no-live", action="store_true", help="Open no connection.")
        parser.add_argument("--user", help="Connect as this user, with a connect token.")
        parser.add_argument("--origin", default="", help="The page's origin. The default is the target's origin.")
        parser.add_argument(
            "--channel", default="", help="The channel to join. The default is a channel for this check only."
        )
        parser.add_argument(
            "--probe",
            nargs="?",
            const="answers.json",
            type=Path,
            metavar="FILE",
            help="Probe the account for behavior that AWS does not document, and write FILE (answers.json) for "
            "runLocalGateway --answers. The probe creates an API and deletes it.",
        )
        parser.add_argument(
            "--idle",
            nargs="?",
            const=IDLE,
            type=float,
            metavar="SECONDS",
            help="With --probe: also probe the idle timer, whose limit is SECONDS (600).",
        )
        parser.add_argument("--format", choices=["text", "json"], default="text", help="text (default) or json.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["probe"]:
            self._probe(options)
            return
        visit = Visit(not options["no_live"], _user(options["user"]), options["origin"], options["channel"])
        reports = [(gateway, examine(gateway, visit)) for gateway in choose(options)]
        if options["format"] == "json":
            self.stdout.write(json.dumps([_document(*one) for one in reports], indent=2))
        else:
            for gateway, report in reports:
                self._write(gateway, report)
        codes = {report.exit_code for _, report in reports}
        sys.exit(1 if 1 in codes else max(codes, default=0))

    def _probe(self, options: dict[str, Any]) -> None:
        gateways = choose(options)
        if len(gateways) != 1:
            raise CommandError("--probe works with one gateway. Give one --pk.", returncode=2)
        try:
            probed = probe(gateways[0], options["idle"])
        except WebSocketsError as error:
            raise CommandError(one_line(str(error))) from error
        found = {one.name: (one.answer, one.evidence) for one in probed if one.answer is not None}
        try:
            write_answers(options["probe"], found)
        except OSError as error:
            raise CommandError(f"{options['probe']} cannot be written: {error}") from error
        if options["format"] == "json":
            self.stdout.write(json.dumps([one._asdict() for one in probed], indent=2))
            return
        self._write_answers(gateways[0], probed)
        self.stdout.write(f"Wrote {options['probe']}. Run: runLocalGateway --answers {options['probe']}")

    def _write_answers(self, gateway: ApiGateway, probed: list[Probed]) -> None:
        questions = {question.name: question for question in QUESTIONS}
        self.stdout.write(f"{label(gateway)} ({place(gateway)}):")
        for one in probed:
            question = questions[one.name]
            differs = "" if one.answer in (None, question.default) else f" (the local gateway: {question.default})"
            self.stdout.write(f"  {question.text} [{one.name}]")
            self.stdout.write(
                f"      {'unknown' if one.answer is None else one.answer}{differs}. {one_line(one.evidence)}"
            )

    def _write(self, gateway: ApiGateway, report: Report) -> None:
        self.stdout.write(f"{label(gateway)} ({place(gateway)}):")
        for finding in report.findings:
            # Texts from AWS and imported names may contain escape sequences.
            self.stdout.write(one_line(f"  {finding.level}: {finding.what} [{finding.id}]"))
            self.stdout.write(one_line(f"      {finding.remedy}"))
        for hop in report.hops:
            self.stdout.write(f"  {hop.name}: {hop.seconds * 1000:.0f} ms")
        if not report.findings:
            self.stdout.write("  No problems found.")


def _user(name: str | None) -> Any:
    if name is None:
        return None
    model = get_user_model()
    user = model._default_manager.filter(**{model.USERNAME_FIELD: name}).first()
    if user is None:
        raise CommandError(f"No user is called {name!r}.", returncode=2)
    return user


def _document(gateway: ApiGateway, report: Report) -> dict[str, Any]:
    return {
        "pk": gateway.pk,
        "api_name": gateway.api_name,
        "findings": [finding._asdict() for finding in report.findings],
        "hops": [hop._asdict() for hop in report.hops],
    }
