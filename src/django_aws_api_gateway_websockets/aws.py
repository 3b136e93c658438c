"""The one door to AWS: clients made from the settings, and failures translated into errors of our own.

boto3 takes 0.2 s to import, so it is imported when a client is first asked for.
"""

from __future__ import annotations

import os
import re
import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator, Mapping, NamedTuple
from urllib.parse import urlsplit

from django.core.signals import setting_changed

from . import protocol
from .conf import aws_setting, conf
from .exceptions import (
    AwsError,
    AwsUnreachable,
    Conflict,
    ConnectionGone,
    CredentialsError,
    NotFound,
    PayloadTooLarge,
    PermissionMissing,
    SendTimedOut,
    Throttled,
)

_CREDENTIAL_SETTINGS = ("AWS_IAM_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_LOCAL_REGION = "us-east-1"

_clients: dict[tuple[Any, ...], Any] = {}
_sessions: dict[tuple[Any, ...], tuple[Any, Any]] = {}
# What a send looks up, without reading every setting again; emptied when a setting is overridden.
_by_url: dict[tuple[int, str], Any] = {}
_identities: dict[tuple[int, str], tuple[float, SigningIdentity]] = {}
_lock = threading.Lock()

#: Credentials are asked for again after so many seconds: botocore has new ones minutes before the old expire.
IDENTITY_SECONDS = 60.0


def forget() -> None:
    """Make every client anew: for whoever changes the environment that boto3 reads once, as tests do."""
    _clients.clear()
    _sessions.clear()
    _forget_lookups()


def _forget_lookups(**kwargs: Any) -> None:
    _by_url.clear()
    _identities.clear()


setting_changed.connect(_forget_lookups)


def connections_client(url: str) -> Any:
    """The boto3 client that posts to the connections of the stage at ``url``.

    It does not retry: botocore repeats a send whose answer was late, and so delivers twice. Its default
    let one bad recipient cost 1.7 to 9.4 s.
    """
    key = (os.getpid(), url)
    if key not in _by_url:
        _by_url[key] = _connections_client(url)
    return _by_url[key]


def _connections_client(url: str) -> Any:
    region = protocol.parse_connections_url(url).region
    return _client(
        "apigatewaymanagementapi",
        url,
        region,
        connect_timeout=conf.SEND_CONNECT_TIMEOUT,
        read_timeout=conf.SEND_READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=conf.SEND_THREADS,
    )


class SigningIdentity(NamedTuple):
    """What signing and sending a call to ``@connections`` takes where boto3 does not do it."""

    region: str
    access_key: str
    secret_key: str
    token: str  # empty: none
    ca_bundle: str
    proxy: str  # empty: none
    over_tls: bool


def signing_identity(url: str) -> SigningIdentity:
    """Credentials, region, CA bundle and proxy for the connections at ``url``, from where boto3 takes them.

    Ask again now and then: temporary credentials are renewed before they expire.
    """
    key = (os.getpid(), url)
    at, identity = _identities.get(key, (0.0, None))
    if identity is None or time.monotonic() - at > IDENTITY_SECONDS:
        identity = _look_up_identity(url)
        _identities[key] = time.monotonic(), identity
    return identity


def _look_up_identity(url: str) -> SigningIdentity:
    from botocore.httpsession import get_cert_path
    from botocore.utils import get_environ_proxies

    client = connections_client(url)
    with translated("sign a request"):
        with _lock:
            core, _ = _session(protocol.parse_connections_url(url).region)
            credentials = core.get_credentials()
            bundle = core.get_config_variable("ca_bundle")
        frozen = _frozen(credentials, url)
    verify = bundle or os.environ.get("REQUESTS_CA_BUNDLE") or get_cert_path(True)
    scheme = urlsplit(url).scheme
    return SigningIdentity(
        region=client.meta.region_name,
        access_key=frozen.access_key,
        secret_key=frozen.secret_key,
        token=frozen.token or "",
        ca_bundle=verify,
        proxy=get_environ_proxies(url).get(scheme, ""),
        over_tls=scheme == "https",
    )


def _frozen(credentials: Any, url: str) -> Any:
    from botocore.exceptions import NoCredentialsError

    if credentials is not None:
        return credentials.get_frozen_credentials()
    if protocol.is_loopback(url):
        return _LocalCredentials()
    raise NoCredentialsError


class _LocalCredentials(NamedTuple):
    """A local gateway takes any signature: what a laptop without an AWS account signs with."""

    access_key: str = "local"
    secret_key: str = "local"  # noqa: S105
    token: str = ""


def control_client(endpoint: str | None = None, service: str = "apigatewayv2") -> Any:
    """Return the boto3 client of the control plane at ``endpoint``; None: of AWS, whatever the environment says.

    It makes one attempt: botocore would repeat a creation whose answer was lost, and make a second API.
    What may be repeated is decided in ``provisioning.control``.
    """
    return _client(
        service,
        endpoint,
        None,
        ignore_configured_endpoint_urls=endpoint is None,
        retries={"mode": "standard", "total_max_attempts": 1},
    )


def _client(service: str, url: str | None, region: str | None, **config: Any) -> Any:
    credentials = tuple(aws_setting(name) for name in _CREDENTIAL_SETTINGS)
    region = region or aws_setting("AWS_GATEWAY_REGION_NAME", "AWS_REGION_NAME")
    if url and "://" not in url:
        raise AwsError(f"The endpoint {url!r} is not a URL. Write http://{url}.")
    # Servers fork after import: a client's connections must not be shared between processes.
    key = (os.getpid(), service, url, region, credentials, repr(sorted(config.items())))
    with _lock:
        if key not in _clients:
            _clients[key] = _make_client(service, url, region, config)
        return _clients[key]


def _make_client(
    service: str,
    url: str | None,
    region: str | None,
    config: Mapping[str, Any],
) -> Any:
    from botocore.config import Config

    with translated(f"set up a client for {service}"):
        _, session = _session(region)
        options: dict[str, Any] = {}
        if url and protocol.is_loopback(url):
            options["region_name"] = session.region_name or _LOCAL_REGION
            if session.get_credentials() is None:
                local = _LocalCredentials()
                options.update(aws_access_key_id=local.access_key, aws_secret_access_key=local.secret_key)
        return session.client(service, endpoint_url=url, config=Config(**config), **options)


def _session(region: str | None) -> tuple[Any, Any]:
    """botocore's and boto3's session for the settings: they hold the credentials, and renew them."""
    import boto3
    from botocore.session import Session

    credentials = _session_credentials()
    region = region or aws_setting("AWS_GATEWAY_REGION_NAME", "AWS_REGION_NAME")
    key = (os.getpid(), region, repr(sorted(credentials.items())))
    if key not in _sessions:
        core = Session()
        _sessions[key] = core, boto3.Session(botocore_session=core, region_name=region, **credentials)
    return _sessions[key]


def _session_credentials() -> dict[str, str]:
    profile, key_id, secret = (aws_setting(name) for name in _CREDENTIAL_SETTINGS)
    if profile:
        return {"profile_name": profile}
    if key_id and secret:
        return {"aws_access_key_id": key_id, "aws_secret_access_key": secret}
    return {}


# AWS answers 403 to a missing permission and to bad credentials alike. These are the second, by code or, where a
# client drops that, in words.
_BAD_CREDENTIALS = re.compile(
    r"ExpiredToken|UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|InvalidSignature|SignatureDoesNotMatch"
    r"|IncompleteSignature|RequestExpired|security token included in the request|[Ss]ignature (expired|not yet current)"
    r"|request signature we calculated"
)
_CREDENTIALS = (CredentialsError, "Renew the login, or check the access key and the clock of this machine.")

_BY_STATUS: Mapping[int, tuple[type[AwsError], str]] = {
    401: _CREDENTIALS,
    403: (
        PermissionMissing,
        "Check that the credentials may do this (docs: IAM policy), and that the endpoint and the stage are right.",
    ),
    404: (
        NotFound,
        "It may have been deleted in AWS: check the ids on the gateway's page; and of a send, its API endpoint.",
    ),
    409: (Conflict, "It exists already, or another change is under way: try again."),
    410: (ConnectionGone, "The client has gone; its row is marked as not connected."),
    413: (PayloadTooLarge, f"It takes {protocol.MAX_MESSAGE_BYTES} bytes at most."),
    429: (Throttled, "The account's request limit is reached, or the client reads too slowly: send later."),
}


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Turn botocore's errors into ours. Decided by HTTP status: the error code depends on a header."""
    from botocore import exceptions as botocore_errors

    try:
        yield
    except botocore_errors.ClientError as error:
        raise from_client_error(operation, error) from error
    except (botocore_errors.NoCredentialsError, botocore_errors.PartialCredentialsError) as error:
        raise CredentialsError(
            f"Could not {operation}: {error} Set AWS_IAM_PROFILE, or AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, "
            "or give the process an IAM role.",
            operation=operation,
        ) from error
    except (
        botocore_errors.ProfileNotFound,
        botocore_errors.TokenRetrievalError,
        botocore_errors.SSOError,
        botocore_errors.CredentialRetrievalError,
    ) as error:
        raise CredentialsError(f"Could not {operation}: {error}", operation=operation) from error
    except botocore_errors.NoRegionError as error:
        raise AwsError(
            f"Could not {operation}: no region is set. Set AWS_GATEWAY_REGION_NAME or AWS_REGION_NAME. For a "
            "local gateway, mark the row as local: createApiGateway --local.",
            operation=operation,
        ) from error
    except botocore_errors.ReadTimeoutError as error:
        raise timed_out(operation) from error
    except (botocore_errors.HTTPClientError, botocore_errors.ConnectionError) as error:
        raise unreachable(operation, str(error)) from error
    except botocore_errors.BotoCoreError as error:
        raise AwsError(f"Could not {operation}: {error}", operation=operation) from error


def from_client_error(operation: str, error: Any) -> AwsError:
    """Our error for an answer of AWS with an error status."""
    detail = error.response.get("Error", {})
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return from_status(operation, status, str(detail.get("Code", "")), str(detail.get("Message", "")))


def from_status(operation: str, status: int, code: str = "", message: str = "") -> AwsError:
    """Our error for an answer with the HTTP status ``status``."""
    kind, remedy = _BY_STATUS.get(status, (AwsError, ""))
    if status in (400, 403) and _BAD_CREDENTIALS.search(f"{code} {message}"):
        kind, remedy = _CREDENTIALS
    if message.lstrip().startswith("<"):
        message = "a page of HTML, which API Gateway never sends. Check the endpoint: another server has it"
    answer = (f"{status} {code}" if code != str(status) else code) + f": {message or 'no message'}"
    text = f"Could not {operation}: AWS answered {answer}. {remedy}".rstrip()
    return kind(text, operation=operation, status=status, code=code, said=message)


def unreachable(operation: str, reason: str) -> AwsUnreachable:
    """Our error for a call that did not get through."""
    return AwsUnreachable(
        f"Could not {operation}: {reason.rstrip('.')}. Check the endpoint and the network; for a local gateway, "
        "whether runLocalGateway runs.",
        operation=operation,
    )


def timed_out(operation: str) -> SendTimedOut:
    """Our error for an answer that did not come."""
    return SendTimedOut(
        f"Could not {operation}: AWS did not answer in time, and may have done it all the same.", operation=operation
    )
