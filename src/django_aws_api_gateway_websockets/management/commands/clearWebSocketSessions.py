from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...models import WebSocketSession
from ...models.clearing import CleanUp, clean_up

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Command(BaseCommand):
    help = (
        "Delete the WebSocket sessions that are closed. Close those that AWS has ended after two hours. Run it from a "
        "scheduler, like Django's clearsessions."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=duration,
            default=timedelta(0),
            metavar="TIME",
            help="Keep sessions that were closed more recently: 90s, 30m, 12h, 7d or 2w. "
            "Sessions younger than a minute are always kept.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Show what would be done without changing anything.")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="The output format.")

    def handle(self, *args: Any, **options: Any) -> None:
        done, sessions = CleanUp(), WebSocketSession.objects.all()
        for done in clean_up(sessions, options["older_than"], dry_run=options["dry_run"]):
            self._show_progress(f"\r{done.seen:,} sessions looked at, {done.deleted:,} deleted")
        self._show_progress("\n")
        if options["format"] == "json":
            result = {"deleted": done.deleted, "expired": done.expired, "dry_run": options["dry_run"]}
            self.stdout.write(json.dumps(result))
        else:
            self.stdout.write(_sentence(done, options["dry_run"]))

    def _show_progress(self, text: str) -> None:
        # On stderr, so that you can pipe the result while the terminal shows the progress.
        if self.stderr.isatty():
            self.stderr.write(text, lambda plain: plain, ending="")
            self.stderr.flush()


def duration(text: str) -> timedelta:
    """Read a number with a unit, such as ``12h``."""
    found = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip())
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else _refuse(text)
    except OverflowError:
        return _refuse(text)


def _refuse(text: str) -> timedelta:
    raise ArgumentTypeError(f"{text!r} is not a time. Write a number with a unit: 90s, 30m, 12h, 7d or 2w.")


def _sentence(done: CleanUp, dry_run: bool) -> str:
    deleted = f"{done.deleted} closed WebSocket session{'' if done.deleted == 1 else 's'}"
    expired = f"{done.expired} session{'' if done.expired == 1 else 's'} older than two hours"
    if dry_run:
        return f"Would delete {deleted} and close {expired}. Nothing was changed."
    return f"Deleted {deleted}." + (f" Closed {expired}." if done.expired else "")
