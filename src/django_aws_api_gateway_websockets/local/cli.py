"""The command line, shared by ``python -m`` and any other command that starts the gateway.

Importable without the extra ``[local]``; what needs it is imported by :func:`run`.
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

from ..protocol import IDLE_TIMEOUT, INTEGRATION_TIMEOUT, LOOPBACK_HOSTS, MAX_CONNECTION_AGE

if TYPE_CHECKING:
    from .server import GatewayServer

INSTALL_HINT = "pip install 'django-aws-api-gateway-websockets[local]'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=port, default=8001, help="port, 0 for a free one (default %(default)s)")
    parser.add_argument("--state", type=Path, metavar="FILE", help="JSON file that keeps the APIs over a restart")
    parser.add_argument(
        "--allow-remote", action="store_true", help="let other machines in: nothing here checks who calls"
    )
    for name, default, what in (
        ("--idle-timeout", IDLE_TIMEOUT, "seconds without a message before a connection is closed"),
        ("--max-connection-age", MAX_CONNECTION_AGE, "seconds before any connection is closed"),
        ("--integration-timeout", INTEGRATION_TIMEOUT, "seconds to wait for a backend at most"),
    ):
        parser.add_argument(name, type=seconds, default=default, help=f"{what} (default %(default)g)")
    parser.add_argument("--log-requests", action="store_true", help="write a line for each call to a backend")


def port(text: str) -> int:
    """The number of a port. argparse says "invalid port value" after this function's name."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: expected 0 to 65535")
    return number


def seconds(text: str) -> float:
    """A time above 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no time: expected seconds above 0")
    return number


def main(argv: list[str] | None = None) -> int:
    """Runs with the arguments of the command line. Returns the exit code; argparse exits with 2 itself."""
    parser = argparse.ArgumentParser(
        prog="python -m django_aws_api_gateway_websockets.local",
        description="An AWS API Gateway for WebSocket APIs on this machine.",
    )
    add_arguments(parser)
    return run(parser.parse_args(argv))


def run(options: Any) -> int:
    """Serves until Ctrl-C or SIGTERM. ``options`` has the attributes that :func:`add_arguments` names.

    Returns 0 after a clean stop, 1 where it cannot start, 2 where it must not.
    """
    if options.host not in LOOPBACK_HOSTS:
        if not options.allow_remote:
            _say(f"--host {options.host} lets others in, and nothing checks who calls: add --allow-remote")
            return 2
        _say(f"WARNING: whoever reaches {options.host}:{options.port} controls every API and connection here")
    level = logging.INFO if options.log_requests else logging.WARNING
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=level)
    try:
        from .server import GatewayServer
        from .state import StateFileError
    except ImportError as error:
        _say(f"The local gateway needs the package {error.name}: {INSTALL_HINT}")
        return 1
    try:
        server = GatewayServer(
            options.host,
            options.port,
            options.state,
            options.idle_timeout,
            options.max_connection_age,
            options.integration_timeout,
        )
        asyncio.run(_serve(server))
    except StateFileError as error:
        _say(str(error))
        return 1
    except OSError as error:
        _say(_explained(error, options))
        return 1
    except KeyboardInterrupt:
        pass  # Ctrl-C where signal handlers cannot be set in an event loop
    return 0


async def _serve(server: GatewayServer) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(number, stopping.set)
    await server.start()
    sys.stdout.write(f"Local API Gateway is ready at http://{server.address} (Ctrl-C stops it)\n")
    sys.stdout.flush()
    await stopping.wait()
    await server.stop()


def _explained(error: OSError, options: Any) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{options.host}:{options.port} is in use: stop what listens there, or choose another --port"
    return f"Cannot listen on {options.host}:{options.port}: {error.strerror or error}"


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
