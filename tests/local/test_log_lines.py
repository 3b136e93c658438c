"""The lines that the gateway writes to the terminal: one for each failure, with the cause."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
from typing import Any, Callable, ContextManager, Iterator, Tuple

import pytest
import trustme
from websockets.exceptions import InvalidStatus

from tests.sockets import connect

from .conftest import Backend, client
from .test_cli import COMMAND, Running, running
from .test_data_plane import refused_with


def one_line(gateway: Running) -> str:
    """End the gateway. Return the only line that it wrote, without the time of day."""
    code, out, errors = gateway.stopped()
    assert (code, out) == (0, "")
    assert gateway.line.startswith("Local API Gateway is ready at http://127.0.0.1:")
    timed = re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d (.+)\n", errors)
    assert timed, errors
    return timed.group(2)


def refused_connect(site: str, status: int, *options: str) -> str:
    """Return the line for a handshake whose ``$connect`` goes to ``site`` and is refused with ``status``."""
    with running([*COMMAND, "--port", "0", *options]) as gateway:
        assert refused_with(gateway.deployed(site, "$connect")) == status
        line = one_line(gateway)
    where = f"'$connect': POST {site}/connect: "
    assert line.startswith(where)
    return line[len(where) :]


# -- a site that does not answer ------------------------------------------------------------------------------


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # without listen()
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@contextlib.contextmanager
def plain_site() -> Iterator[str]:
    backend = Backend()
    yield backend.url[len("http://") :]
    backend.close()


@contextlib.contextmanager
def site_that_says(answer: bytes) -> Iterator[str]:
    """Answer one connection with these bytes, and close it."""

    def serve() -> None:
        taken, _ = listening.accept()
        with taken:
            taken.recv(65536)
            taken.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


@contextlib.contextmanager
def busy_site() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@contextlib.contextmanager
def untrusted_site() -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    def serve() -> None:
        taken, _ = listening.accept()
        with taken, contextlib.suppress(OSError):
            context.wrap_socket(taken, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"
NOT_FOUND = "404: the site found nothing at this URL. Is the target right?"
NOT_HTTP = "the answer is not HTTP. Does the target need https://?"


@pytest.mark.parametrize(
    ("scheme", "site", "said"),
    [
        ("http", nobody, "nothing listens at {}. Is the site running?"),
        ("https", plain_site, "{} does not speak TLS. Write http:// in the target"),
        ("http", lambda: site_that_says(TLS_ALERT), NOT_HTTP),
        ("http", lambda: site_that_says(b""), "the site closed the connection without an answer"),
        ("http", busy_site, "no answer within 0.5 s. Check that the site is not busy and that the address is right."),
    ],
)
def test_a_site_that_does_not_answer(scheme: str, site: Callable[[], ContextManager[str]], said: str) -> None:
    with site() as place:
        assert refused_connect(f"{scheme}://{place}", 502, "--integration-timeout", "0.5") == said.format(place)


def test_a_site_whose_name_is_not_found() -> None:
    said = refused_connect("http://no-such-site.invalid:8000", 502)
    assert said == "the host no-such-site.invalid was not found. Is the target right?"


def test_a_site_whose_certificate_is_not_trusted() -> None:
    with untrusted_site() as place:
        said = refused_connect(f"https://{place}", 502)
    assert said.startswith(f"this machine does not trust the certificate of {place}: ")
    assert "certificate verify failed" in said


# -- a site that refuses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((403, {"message": "Pages of 'http://evil' may not open sockets here."}), None),
        ((500, {"message": "broken\r\nfor \x1b[31mnow\u202e \ud800"}), r"500: broken\r\nfor \x1b[31mnow\u202e \ud800"),
        ((400, {"message": "x" * 200}), None),
        ((400, {"message": "x" * 201}), f"400: {'x' * 199}…"),
        ((400, {"message": "\x1b" * 201}), f"400: {(chr(92) + 'x1b') * 49}{chr(92)}x1…"),
        ((400, {"message": ["no", "text"]}), "400"),
        ((400, ["message"]), "400"),
        ((404, "[" * 100_000), NOT_FOUND),
        ((301, b""), "301: a redirect, which the gateway does not follow"),
        ((404, b"<h1>Not found</h1>\xff"), NOT_FOUND),
        (
            (400, b"<h1>Bad Request (400)</h1>"),
            "400: Django refused the request. Is the host of the target in ALLOWED_HOSTS?",
        ),
        (
            (403, b"<p>CSRF verification failed.</p>"),
            "403: the site asks for a CSRF token, which a gateway does not have",
        ),
        ((500, b"<h1>Server Error (500)</h1>"), "500: the log of the site shows the reason"),
        ((500, b'<title>KeyError at /x</title><pre class="exception_value">&#x27;a&#x27;</pre>'), "500: KeyError: 'a'"),
        ((418, b"<h1>Teapot</h1>"), "418"),
    ],
)
def test_the_reason_that_the_site_gives(backend: Backend, answer: Tuple[int, Any], said: str) -> None:
    status, body = answer
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    backend.answers["/connect"] = (status, {"Content-Type": "application/json"}, raw)
    seen = refused_connect(backend.url, status if 400 <= status < 500 else 502)
    assert seen == (said or f"{status}: {body['message']}")


def test_a_success_is_logged_without_its_body(backend: Backend) -> None:
    backend.answers["/connect"] = (200, {}, b'{"message": "welcome"}')
    with running([*COMMAND, "--port", "0", "--log-requests"]) as gateway:
        with connect(gateway.deployed(backend.url, "$connect")):
            pass
        assert one_line(gateway) == f"'$connect': POST {backend.url}/connect: 200"


# -- a handshake for an unknown stage -------------------------------------------------------------------------


@contextlib.contextmanager
def one_api() -> Iterator[Tuple[Running, str, Any]]:
    """A gateway, the id of its only API (with the stage ``test``), and a client to change it."""
    with running([*COMMAND, "--port", "0"]) as gateway:
        root, api, _ = gateway.deployed("http://127.0.0.1:9", "$default").rsplit("/", 2)
        yield gateway, api, client("apigatewayv2", root.replace("ws://", "http://"))


def forbidden(gateway: Running, url: str) -> str:
    """Return the line for a refused handshake. The name in ``url`` need not resolve."""
    port = int(re.findall(r":(\d+)", gateway.line)[0])
    with socket.create_connection(("127.0.0.1", port)) as sock, pytest.raises(InvalidStatus) as caught:
        connect(url, sock=sock)
    assert (caught.value.response.status_code, caught.value.response.body) == (403, b'{"message": "Forbidden"}')
    return one_line(gateway)


@pytest.mark.parametrize(
    ("host", "path", "said"),
    [
        (
            "localhost",
            "/uzepwyz57j/test",
            "there is no API uzepwyz57j here. Reload the page. With --state FILE, URLs stay the same.",
        ),
        ("localhost", "/{api}/tset", "the API {api} has no stage tset"),
        ("localhost", "/{api}/new", "the stage new of API {api} has no deployment"),
        ("localhost", "/", "expected the path /API_ID/STAGE, because localhost is not a custom domain here"),
        ("chat.test:8001", "/v2", "the domain chat.test has no API mapping with the key 'v2'"),
        (
            "localhost",
            "/%1B%5B31m/test",
            r"there is no API \x1b[31m here. Reload the page. With --state FILE, URLs stay the same.",
        ),
    ],
)
def test_a_handshake_for_an_unknown_stage_is_explained(host: str, path: str, said: str) -> None:
    with one_api() as (gateway, api, control):
        control.create_stage(ApiId=api, StageName="new")
        control.create_domain_name(DomainName="chat.test")
        path = path.replace("{api}", api)
        assert forbidden(gateway, f"ws://{host}{path}?token=secret") == f"403 {path}: {said.replace('{api}', api)}"


def test_a_handshake_at_a_disabled_endpoint_is_explained() -> None:
    with one_api() as (gateway, api, control):
        control.update_api(ApiId=api, DisableExecuteApiEndpoint=True)
        control.create_deployment(ApiId=api, StageName="test")
        said = forbidden(gateway, f"ws://localhost/{api}/test")
        assert said == f"403 /{api}/test: API {api} is served at its custom domain only"
