"""Credentials and settings for calls to ``@connections`` that boto3 does not make."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.signals import setting_changed

from .. import protocol
from .clients import connections_client
from .credentials import LOCAL, Credentials, lock, session
from .errors import not_for_a_header, translated

#: Seconds after which credentials are read again. botocore renews them minutes before the old ones expire.
IDENTITY_SECONDS = 60.0

_identities: dict[tuple[int, str], tuple[float, SigningIdentity]] = {}


@dataclass(frozen=True, repr=False)
class SigningIdentity:
    """Everything needed to sign and send a call to ``@connections`` without boto3."""

    credentials: Credentials
    region: str
    ca_bundle: str
    proxy: str  # An empty string means no proxy. The URL may hold a password.
    over_tls: bool


def signing_identity(url: str) -> SigningIdentity:
    """Return what is needed to call the connections at ``url``, from the same sources as boto3.

    Call this method regularly, because temporary credentials are renewed before they expire.
    """
    key = (os.getpid(), url)
    at, identity = _identities.get(key, (0.0, None))
    if identity is None or time.monotonic() - at > IDENTITY_SECONDS:
        identity = _look_up(url)
        _identities[key] = time.monotonic(), identity
    return identity


def forget_identities(**kwargs: Any) -> None:
    """Reload the credentials and the settings."""
    _identities.clear()


setting_changed.connect(forget_identities)


def _look_up(url: str) -> SigningIdentity:
    from botocore.httpsession import get_cert_path
    from botocore.utils import get_environ_proxies

    client = connections_client(url)
    with translated("sign a request"):
        with lock:
            core, _ = session(protocol.parse_connections_url(url).region)
            bundle = core.get_config_variable("ca_bundle")
        credentials = _credentials(core, url)
    scheme = urlsplit(url).scheme
    return SigningIdentity(
        credentials=credentials,
        region=client.meta.region_name,
        ca_bundle=bundle or os.environ.get("REQUESTS_CA_BUNDLE") or get_cert_path(True),
        proxy=get_environ_proxies(url).get(scheme, ""),
        over_tls=scheme == "https",
    )


def _credentials(core: Any, url: str) -> Credentials:
    from botocore.exceptions import NoCredentialsError

    with lock:
        found = core.get_credentials()
    if found is not None:
        credentials = Credentials(*found.get_frozen_credentials()[:3])
        if not f"{credentials.access_key}{credentials.token}".isprintable():
            raise not_for_a_header("sign a request")
        return credentials
    if protocol.is_loopback(url):
        return LOCAL
    raise NoCredentialsError
