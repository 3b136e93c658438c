"""The command line of the local gateway, for ``python -m`` and for ``manage.py runLocalGateway``.

You can import this module without the extra ``[local]``. Only :func:`run` imports what needs it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import logging
import math
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..answers import DEFAULTS, read_answers
from ..protocol import LOOPBACK_HOSTS, check_public_url
from .options import Options

if TYPE_CHECKING:
    from .server import GatewayServer

# The extra's packages by name, because the index may have a different project with this package's name.
INSTALL_HINT = "pip install aiohttp h11 wsproto"
_DEFAULTS = Options()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default=_DEFAULTS.host, help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--port", type=port, default=_DEFAULTS.port, help="port, or 0 for a free one (default %(default)s)"
    )
    parser.add_argument("--state", type=Path, metavar="FILE", help="JSON file that keeps the APIs across restarts")
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="let other machines connect, although the gateway does not check who calls",
    )
    parser.add_argument(
        "--public-url", type=public_url, metavar="URL", help="URL at which clients reach the gateway, for ApiEndpoint"
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name that requests may use for the gateway, besides localhost and 127.0.0.1 (repeatable)",
    )
    _add_times(parser)
    parser.add_argument("--no-inspector", action="store_true", help="do not serve the page that shows connections")
    parser.add_argument("--events", type=Path, metavar="FILE", help="file that gets each event as a JSON line")
    parser.add_argument(
        "--chaos", type=int, metavar="SEED", help="play random faults, the same ones for the same number"
    )
    parser.add_argument(
        "--answers", type=Path, metavar="FILE", help="answers of an AWS account, from checkApiGateway --probe"
    )
    parser.add_argument("--log-requests", action="store_true", help="write a line for each call to a backend")


def _add_times(parser: argparse.ArgumentParser) -> None:
    for name, default, what in (
        ("--idle-timeout", _DEFAULTS.idle_timeout, "seconds without a message before a connection is closed"),
        ("--max-connection-age", _DEFAULTS.max_connection_age, "seconds before any connection is closed"),
        ("--integration-timeout", _DEFAULTS.integration_timeout, "seconds to wait for a backend at most"),
    ):
        parser.add_argument(name, type=seconds, default=default, help=f"{what} (default %(default)g)")


def port(text: str) -> int:
    """Parse a port number. argparse shows this function's name: "invalid port value"."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: expected 0 to 65535")
    return number


def seconds(text: str) -> float:
    """Parse a time above 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a time: expected seconds above 0")
    return number


def public_url(text: str) -> str:
    """Parse the value of ``--public-url``."""
    try:
        return check_public_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(argv: list[str] | None = None) -> int:
    """Run with the arguments of the command line. Return the exit code; argparse exits with 2 itself."""
    parser = argparse.ArgumentParser(
        prog="python -m django_aws_api_gateway_websockets.local",
        description="Run an API Gateway for WebSocket APIs on this machine.",
    )
    add_arguments(parser)
    return run(parser.parse_args(argv))


def run(arguments: Any, elsewhere: str = "choose another --port") -> int:
    """Serve until Ctrl-C or SIGTERM. ``arguments`` has the attributes of :func:`add_arguments`.

    ``elsewhere`` tells the user how to choose another port, for the message that the port is in use.

    Return 0 after a clean stop, 1 if the gateway cannot start, and 2 if the arguments do not allow it.
    """
    try:
        options = _options(arguments)
    except ValueError as error:
        _say(str(error))
        return 2
    problem = _problem(options, arguments.allow_remote)
    if problem:
        _say(problem)
        return 2
    if options.host not in LOOPBACK_HOSTS:
        _say(f"WARNING: anyone who can reach {options.host}:{options.port} controls every API and connection here")
    level = logging.INFO if arguments.log_requests else logging.WARNING
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=level)
    try:
        from .server import GatewayServer
        from .store import StateFileError
    except ImportError as error:
        _say(f"The local gateway requires the package {error.name}. Run: {INSTALL_HINT}")
        return 1
    try:
        asyncio.run(_serve(GatewayServer(options)))
    except StateFileError as error:
        _say(str(error))
        return 1
    except UnicodeError:
        _say(f"--host {options.host} is not the name of a host.")
        return 2
    except OSError as error:
        _say(_explain(error, options, elsewhere))
        return 1
    except KeyboardInterrupt:
        pass  # Ctrl-C, if the event loop cannot handle signals
    return 0


def _options(arguments: Any) -> Options:
    """Return the options. Raise ValueError if the file of ``--answers`` is not valid."""
    return Options(
        arguments.host,
        arguments.port,
        arguments.state,
        arguments.idle_timeout,
        arguments.max_connection_age,
        arguments.integration_timeout,
        arguments.public_url,
        tuple(arguments.allowed_host),
        not arguments.no_inspector,
        arguments.events,
        arguments.chaos,
        read_answers(arguments.answers) if arguments.answers else DEFAULTS,
    )


def _problem(options: Options, allow_remote: bool) -> str:
    """Return why the gateway must not start with these options, or an empty string."""
    if options.host not in LOOPBACK_HOSTS and not allow_remote:
        return f"--host {options.host} lets other machines connect, but nothing checks who calls. Add --allow-remote."
    if options.needs_public_url:
        return f"--host {options.host} is not an address that clients can use. Add --public-url http://NAME:PORT."
    return ""


async def _serve(server: GatewayServer) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # On Windows, Ctrl-C arrives as KeyboardInterrupt.
            loop.add_signal_handler(number, stopping.set)
    await server.start()
    sys.stdout.write(f"Local API Gateway is ready at {server.options.public.url} (Ctrl-C stops it)\n")
    if server.inspector_url is not None:
        sys.stdout.write(f"Inspector: {server.inspector_url}\n")
    sys.stdout.flush()
    await stopping.wait()
    await server.stop()


def _explain(error: OSError, options: Options, elsewhere: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{options.host}:{options.port} is in use. Stop what listens there, or {elsewhere}."
    return f"The local gateway cannot listen on {options.host}:{options.port}: {error.strerror or error}"


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
