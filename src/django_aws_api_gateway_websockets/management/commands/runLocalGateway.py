from __future__ import annotations

import argparse
import sys
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...conf import conf
from ...local.cli import add_arguments, run
from ...provisioning.endpoints import local_gateway
from ..local_rows import keep_rows
from ..site_and_gateway import DEFAULT_SITE, check_free, options_of_gateway, run_both, site_url

#: Only the gateway reads --port. The site looks for the gateway at the setting.
ELSEWHERE = (
    'set another port in your settings: WEBSOCKETS = {"LOCAL_GATEWAY": "http://127.0.0.1:PORT"}. '
    "The site has its own port: --site PORT"
)


class Command(BaseCommand):
    help = "Run an API Gateway for WebSocket APIs on this machine, without AWS. With --site, run your site too."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--site",
            nargs="?",
            const=DEFAULT_SITE,
            metavar="ADDRPORT",
            help=f"run the site too, as runserver ADDRPORT does (default {DEFAULT_SITE})",
        )
        # The command that --site runs each time the code has been loaded.
        parser.add_argument("--keep-rows", metavar="URL", help=argparse.SUPPRESS)
        add_arguments(parser)
        try:
            place = urlsplit(local_gateway())
        except ImproperlyConfigured:
            return  # Django shows an error of handle() in one line, and a traceback for one raised here.
        parser.set_defaults(host=place.hostname, port=_port(place))

    def handle(self, *args: Any, **options: Any) -> None:
        site, rows_of = options.pop("site"), options.pop("keep_rows")
        try:
            local_gateway()
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=2) from None
        if rows_of:
            keep_rows(rows_of, self.stdout.write)
        elif site is not None:
            self._check_place(options)
            url = site_url(site)
            check_free(url)
            sys.exit(run_both(site, url, options_of_gateway(options), options.get("pythonpath")))
        else:
            sys.exit(run(argparse.Namespace(**options), ELSEWHERE))

    def _check_place(self, options: dict[str, Any]) -> None:
        if options["port"] != _port(urlsplit(local_gateway())):
            raise CommandError(
                f"The gateway would listen on port {options['port']}, and the site looks for it at "
                f"{conf.LOCAL_GATEWAY}. Set LOCAL_GATEWAY of WEBSOCKETS in your settings to the address that you "
                "want, and leave out --port.",
                returncode=2,
            )


def _port(place: SplitResult) -> int:
    return place.port or (443 if place.scheme == "https" else 80)
