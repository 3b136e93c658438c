"""Our SigV4 beside botocore's: the same signature for the same request."""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import datetime, timezone
from urllib.parse import quote

import pytest
import trustme
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypercorn.asyncio import serve
from hypercorn.config import Config

from django_aws_api_gateway_websockets import aws
from django_aws_api_gateway_websockets.exceptions import PermissionMissing
from django_aws_api_gateway_websockets.models import WebSocketSession

from .connections_server import ConnectionsServer, Request

pytestmark = pytest.mark.django_db

everyone = WebSocketSession.objects
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=(\S+?), ?SignedHeaders=(\S+?), ?Signature=([0-9a-f]{64})")


def botocores_signature(request, host, secret=SECRET, token=None):
    """botocore's signature of what arrived, over the headers that its sender signed."""
    scope, signed, signature = _AUTHORIZATION.fullmatch(request.headers["authorization"]).groups()
    headers = {name: request.headers[name] for name in signed.split(";") if name != "host"}
    again = AWSRequest(request.method, f"http://{host}{request.path}", headers={**headers, "host": host})
    again.data = request.body
    again.context["timestamp"] = request.headers["x-amz-date"]
    auth = SigV4Auth(Credentials(KEY, secret, token), "execute-api", scope.split("/")[2])
    assert scope == f"{KEY}/{auth.credential_scope(again)}"
    return signature, auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)


@pytest.fixture
def curl(options):
    options(SEND_TRANSPORT="curl")


@pytest.mark.parametrize("call", ["send_message", "disconnect"])
def test_the_signature_is_botocores(people, server, curl, call):
    """Ids that end in "=", and in "-_" besides; a path with a stage."""
    ids = people(20)
    everyone.filter(connection_id=ids[0]).update(connection_id="a-b_c/d==")
    everyone.all().send_message({"n": "é"})
    if call == "disconnect":
        server.calls.clear()
        everyone.all().disconnect()
    assert len(server.calls) == 20
    for request in server.calls:
        assert request.path.startswith("/a1b2/production/@connections/")
        assert request.path.endswith("%3D")
        mine, botocores = botocores_signature(request, f"127.0.0.1:{server.port}")
        assert mine == botocores


@pytest.mark.parametrize("transport", ["boto3", "curl"])
def test_each_transport_signs_the_path_as_botocore_does(people, server, options, transport):
    (connection_id,) = people(1)
    options(SEND_TRANSPORT=transport)
    everyone.all().send_message({})
    (request,) = server.calls
    assert request.path.endswith(f"/@connections/{quote(connection_id)}")
    mine, botocores = botocores_signature(request, f"127.0.0.1:{server.port}")
    assert mine == botocores


def test_a_session_token_is_signed(people, server, curl, settings, monkeypatch, tmp_path):
    """Temporary credentials, as a role gives: read by botocore from a profile."""
    file = tmp_path / "credentials"
    file.write_text(f"[role]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\naws_session_token=to/k+en==\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    settings.AWS_IAM_PROFILE = "role"
    people(3)
    everyone.all().send_message({"n": 1})
    for request in server.calls:
        assert request.headers["x-amz-security-token"] == "to/k+en=="
        assert "x-amz-security-token" in request.headers["authorization"]
        mine, botocores = botocores_signature(request, f"127.0.0.1:{server.port}", token="to/k+en==")
        assert mine == botocores


@pytest.mark.usefixtures("transport")
def test_temporary_credentials_are_renewed(people, server, settings, monkeypatch, tmp_path, new_clients):
    """By botocore, from a program that gives other credentials each time: those of the next send are newer."""
    program = tmp_path / "give_credentials.py"
    program.write_text(
        "import json, pathlib\n"
        f"count = pathlib.Path({str(tmp_path / 'count')!r})\n"
        "number = len(count.read_text()) if count.exists() else 0\n"
        "count.write_text('x' * (number + 1))\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': f'KEY{number}', 'SecretAccessKey': 's', 'SessionToken': 't',\n"
        "                  'Expiration': '2099-01-01T00:00:00Z' if number else '2020-01-01T00:00:00Z'}))\n"
    )
    file = tmp_path / "config"
    file.write_text(f"[profile renewed]\ncredential_process = {sys.executable} {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setattr(aws.identity, "IDENTITY_SECONDS", 0.0)
    settings.AWS_IAM_PROFILE = "renewed"
    people(1)
    for _ in range(3):
        everyone.get().send_message({})
    keys = [_AUTHORIZATION.fullmatch(call.headers["authorization"])[1].split("/")[0] for call in server.calls]
    assert keys[-1] != "KEY0"
    assert int((tmp_path / "count").stat().st_size) == 2


def test_the_time_is_signed(people, server, curl):
    people(1)
    everyone.all().send_message({"n": 1})
    at = datetime.strptime(server.calls[0].headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    assert abs((datetime.now(timezone.utc) - at).total_seconds()) < 60


@pytest.mark.usefixtures("transport")
def test_wrong_credentials_give_one_clear_error(people, server):
    people(200)
    server.everybody = "forbidden"
    with pytest.raises(PermissionMissing, match="AWS answered 403") as raised:
        everyone.all().send_message({"n": 1})
    assert "Check that the credentials allow this call" in str(raised.value)
    assert "\n" not in str(raised.value)


# --- TLS ---------------------------------------------------------------------------------------


@pytest.fixture
def certificate():
    authority = trustme.CA()
    return authority, authority.issue_cert("127.0.0.1")


@pytest.fixture
def secure_server(certificate):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate[1].configure_cert(context)
    server = ConnectionsServer(context)
    yield server
    server.stop()


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_the_ca_bundle_is_botocores(
    people, secure_server, gateway_of, certificate, monkeypatch, tmp_path, variable, new_clients
):
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    bundle = tmp_path / "ca.pem"
    certificate[0].cert_pem.write_to_path(str(bundle))
    people(20, gateway=gateway_of(secure_server))
    with pytest.raises(Exception, match=r"(?i)certificate"):
        everyone.all().send_message({"n": 1})
    monkeypatch.setenv(variable, str(bundle))
    new_clients()
    assert len(everyone.all().send_message({"n": 1}).sent) == 20


@pytest.fixture
def new_clients():
    """A process reads AWS_CA_BUNDLE once: what makes clients anew."""
    yield aws.forget
    aws.forget()


class Http2Server(ConnectionsServer):
    """The same over HTTP/2, by hypercorn."""

    def __init__(self, config):
        self._config = config
        self.versions = set()
        super().__init__()

    @property
    def api_endpoint(self):
        return f"wss://127.0.0.1:{self.port}/a1b2"

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        self.stopping = asyncio.Event()

        async def main():
            sockets = self._config.create_sockets()
            self.port = sockets.secure_sockets[0].getsockname()[1]
            self._config.create_sockets = lambda: sockets
            task = asyncio.ensure_future(serve(self._application, self._config, shutdown_trigger=self.stopping.wait))
            started.set()
            await task

        self._loop.run_until_complete(main())
        self._loop.close()

    def stop(self):
        self._loop.call_soon_threadsafe(self.stopping.set)
        self._thread.join(10)

    async def _application(self, scope, receive, send):
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        path = scope["raw_path"].decode()
        self.versions.add(scope["http_version"])
        self.calls.append(Request(scope["method"], path, path.rsplit("/", 1)[-1], headers, body))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def http2_server(certificate, tmp_path):
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.loglevel = "ERROR"
    config.h2_max_concurrent_streams = 100
    certificate[1].private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate[1].cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    config.keyfile, config.certfile = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    server = Http2Server(config)
    yield server
    server.stop()


@pytest.mark.slow
def test_http2_is_used_if_offered_and_signed_the_same_way(
    people, http2_server, gateway_of, certificate, monkeypatch, tmp_path, curl, new_clients
):
    bundle = tmp_path / "ca.pem"
    certificate[0].cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    new_clients()
    people(300, gateway=gateway_of(http2_server))
    report = everyone.all().send_message({"n": 1})
    assert len(report.sent) == 300, report
    assert http2_server.versions == {"2"}
    for request in http2_server.calls:
        mine, botocores = botocores_signature(request, f"127.0.0.1:{http2_server.port}")
        assert mine == botocores


# --- proxies -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("transport")
def test_a_proxy_of_the_environment_is_used(people, server, gateway_of, monkeypatch, new_clients):
    """The endpoint's name resolves nowhere: only through the proxy does anything arrive."""
    gateway = gateway_of(server)
    gateway.api_endpoint = "ws://a1b2.execute-api.invalid"
    gateway.save()
    ids = people(5, gateway=gateway)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.port}")
    new_clients()
    assert len(everyone.all().send_message({"n": 1}).sent) == 5
    assert set(server.received) == set(ids)
    assert server.calls[0].path.startswith("http://a1b2.execute-api.invalid/production/@connections/")
