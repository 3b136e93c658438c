"""`make demo`: the chat of this folder and a local gateway, until Ctrl-C.

It does what you would do by hand: migrate, create two users and a gateway row, start the local gateway, run
createApiGateway, and start Django.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import django
from django.conf import settings
from django.db import DatabaseError

HERE = Path(__file__).resolve().parent
HOST = "127.0.0.1"
USERS = {"alice": "alice-demo", "bob": "bob-demo"}
START_TIMEOUT = 30.0
END_TIMEOUT = 5.0
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoError(Exception):
    """An error of the demo: what went wrong, and what to do about it."""


def main() -> int:
    options = read_options()
    for number in END_SIGNALS:
        signal.signal(number, end_demo)
    try:
        run(options.port, options.gateway_port)
    except DemoError as error:
        print(error, file=sys.stderr)
    return 1


def end_demo(*_: object) -> None:
    # Only once: a second Ctrl-C must not interrupt the ending of processes.
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The example chat with a local gateway.")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT", "8000"))
    parser.add_argument("--gateway-port", type=int, default=os.environ.get("GATEWAY_PORT", "8001"))
    return parser.parse_args()


def run(port: int, gateway_port: int) -> None:
    check_ports(PORT=port, GATEWAY_PORT=gateway_port)
    prepare_environment(port, gateway_port)
    django.setup()
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    state = settings.DATA_DIR / "gateway.json"
    try:
        prepare_database()
        gateway = gateway_row(port, gateway_port, state)
    except DatabaseError as error:
        raise DemoError(
            f"The database is of another version or broken ({error}): delete {settings.DATA_DIR}."
        ) from error
    site = [str(HERE / "manage.py"), "runserver", "--noreload", f"{HOST}:{port}"]
    local = ["-m", "django_aws_api_gateway_websockets.local", "--port", str(gateway_port), "--state", str(state)]
    # The gateway ends first, because it tells Django about each socket that it closes.
    with running("Django", port, *site) as one, running("The local gateway", gateway_port, *local) as other:
        deploy(gateway)
        logins = " or ".join(f"{name} / {password}" for name, password in USERS.items())
        print(f"Open http://{HOST}:{port}/ and log in as {logins} (Ctrl-C ends the demo)", flush=True)
        watch(one, other)


def prepare_environment(port: int, gateway_port: int) -> None:
    """The environment of this process and its children. It contains nothing of your AWS account or your proxy."""
    os.environ.pop("AWS_PROFILE", None)
    os.environ.pop("AWS_SESSION_TOKEN", None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="chat.settings",
        PORT=str(port),
        GATEWAY_PORT=str(gateway_port),
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",
        AWS_DEFAULT_REGION="us-east-1",
        NO_PROXY=HOST,
    )


# --- The database -----------------------------------------------------------------------------------


def prepare_database() -> None:
    """Migrate, create the users, and mark all rows as closed, because no socket outlives its gateway."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from django_aws_api_gateway_websockets.models import WebSocketSession

    call_command("migrate", verbosity=0)
    for name, password in USERS.items():
        if not User.objects.filter(username=name).exists():
            # alice may use the admin too.
            create = User.objects.create_superuser if name == "alice" else User.objects.create_user
            create(name, password=password)
    WebSocketSession.objects.mark_disconnected()


def gateway_row(port: int, gateway_port: int, state: Path):
    """Return the row that describes the gateway.

    If the ports have changed since the last run, it asks for a new API.
    """
    from django_aws_api_gateway_websockets.models import ApiGateway

    target, endpoint = f"http://{HOST}:{port}/ws/", f"ws://{HOST}:{gateway_port}/"
    gateway, _ = ApiGateway.objects.get_or_create(api_name="Chat", defaults={"target_base_endpoint": target})
    gateway.is_local = True
    if gateway.target_base_endpoint != target or not gateway.api_endpoint.startswith(endpoint):
        gateway.target_base_endpoint = target
        state.unlink(missing_ok=True)
        forget_api(gateway)
    return gateway


def deploy(gateway) -> None:
    """Do what `createApiGateway --pk=1` does. Repeat it if the local gateway no longer knows the API."""
    from django_aws_api_gateway_websockets.exceptions import NotFound

    try:
        gateway.create_gateway()
    except NotFound:
        forget_api(gateway)
        gateway.create_gateway()


def forget_api(gateway) -> None:
    gateway.api_id, gateway.api_endpoint, gateway.api_created = None, "", False
    gateway.save()


# --- The processes ----------------------------------------------------------------------------------


def check_ports(**ports: int) -> None:
    if len(set(ports.values())) < len(ports):
        raise DemoError(f"{' and '.join(ports)} are the same; each needs a port of its own.")
    for name, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError) as error:
                raise DemoError(f"Port {port} cannot be used ({error}). Choose another: make demo {name}=...") from None


@contextmanager
def running(name: str, port: int, *arguments: str):
    """Run Python with `arguments` until the block ends.

    It answers on `port`. It does not receive Ctrl-C, because it runs in its own session.
    """
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *arguments], start_new_session=True, **quiet)
    process.name = name
    try:
        wait_until_it_answers(process, port)
        yield process
    finally:
        end(process)


def wait_until_it_answers(process, port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoError(f"{process.name} did not start; see above. To begin anew, delete {settings.DATA_DIR}.")
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise DemoError(f"{process.name} does not answer on port {port} after {START_TIMEOUT:.0f} s.")


def watch(*processes) -> None:
    while True:
        for process in processes:
            if process.poll() is not None:
                raise DemoError(f"{process.name} ended with exit code {process.returncode}, so the demo ends too.")
        time.sleep(0.2)


def end(process) -> None:
    process.terminate()
    try:
        process.wait(END_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
