from __future__ import annotations

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ...local.cli import add_arguments, run


class Command(BaseCommand):
    help = "Run an API Gateway for WebSocket APIs on this machine."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(run(argparse.Namespace(**options)))
