from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ...exceptions import WebSocketsError
from ...history.upkeep import Swept, sweep
from ...models import WebSocketSession, WebSocketSessionQuerySet
from ...models.clearing import CleanUp, clean_up
from ...models.departures import find_departures
from ...models.verifying import VERIFY_RATE, close_gone
from ..migrated import DatabaseCommand

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Command(DatabaseCommand):
    help = (
        "Delete the WebSocket sessions that are closed. Close those that AWS has ended after two hours. Trim the "
        "histories of channels. Send the signals of users who have left. Run this command from a scheduler, like "
        "Django's clearsessions."
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
        parser.add_argument(
            "--verify",
            action="store_true",
            help="Ask AWS about open sessions that have been silent for long, and close those that it does not know.",
        )
        parser.add_argument(
            "--rate",
            type=rate,
            default=VERIFY_RATE,
            help="The calls to AWS per second that --verify makes. The default is 100.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Show what would be done without changing anything.")
        parser.add_argument("--format", choices=["text", "json"], default="text", help="The output format.")

    def handle(self, *args: Any, **options: Any) -> None:
        done, sessions = CleanUp(), WebSocketSession.objects.all()
        for done in clean_up(sessions, options["older_than"], dry_run=options["dry_run"]):
            self._show_progress(f"\r{done.seen:,} sessions looked at, {done.deleted:,} deleted")
        problem = self._verify(sessions, done, options["rate"]) if options["verify"] and not options["dry_run"] else ""
        histories = Swept()
        if not options["dry_run"]:
            find_departures(sessions)
            histories = sweep()
        self._show_progress("\n")
        if options["format"] == "json":
            result = {name: count for name, count in asdict(done).items() if name != "seen"}
            self.stdout.write(json.dumps({**result, **histories._asdict(), "dry_run": options["dry_run"]}))
        else:
            self.stdout.write(_text(done, histories, options["dry_run"]))
        if problem:
            raise CommandError(problem)

    def _verify(self, sessions: WebSocketSessionQuerySet, done: CleanUp, rate: float) -> str:
        """Return why AWS could not be reached at all. The rows that were cleaned up before are reported anyway."""

        def show(done: CleanUp) -> None:
            self._show_progress(f"\rAsked AWS about {done.asked:,} sessions, {done.swept:,} closed")

        try:
            close_gone(sessions, done, rate, show)
        except WebSocketsError as error:
            return str(error)
        return ""

    def _show_progress(self, text: str) -> None:
        # Write to stderr, so that you can pipe the result while the terminal shows the progress.
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


def _text(done: CleanUp, histories: Swept, dry_run: bool) -> str:
    deleted, expired = _sessions(done.deleted, "closed WebSocket session"), _sessions(done.expired)
    if dry_run:
        return f"Would delete {deleted} and close {expired} older than two hours. Nothing was changed."
    sentences = [f"Deleted {deleted}."]
    if done.expired:
        sentences.append(f"Closed {expired} older than two hours.")
    if done.forgotten:
        sentences.append(f"Forgot the address and browser of {_sessions(done.forgotten)}.")
    if done.asked:
        sentences.append(f"Asked AWS about {_sessions(done.asked)}, and closed {done.swept} that it does not know.")
    if done.unanswered:
        sentences.append(f"AWS gave no answer about {_sessions(done.unanswered)}.")
    if histories.published:
        sentences.append(f"Published {_sessions(histories.published, 'message')} that a crash had left unpublished.")
    if histories.trimmed:
        sentences.append(f"Deleted {_sessions(histories.trimmed, 'old message')} from histories.")
    return " ".join(sentences)


def _sessions(count: int, name: str = "session") -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def rate(text: str) -> float:
    """Read a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a rate. Write calls per second, such as 100.")
    return number
