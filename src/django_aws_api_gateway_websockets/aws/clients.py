"""boto3's clients, one for each endpoint and set of credentials.

Importing boto3 takes 0.2 seconds, so it is imported when a client is first needed.
"""

from __future__ import annotations

import os
from typing import Any, Mapping

from django.core.signals import setting_changed

from .. import protocol
from ..conf import aws_setting, conf
from .credentials import LOCAL, fingerprint, lock, session
from .errors import translated

_LOCAL_REGION = "us-east-1"

#: The key contains the process id, because servers fork after import, and processes must not share connections.
clients: dict[tuple[Any, ...], Any] = {}
# Settings that a send looks up once instead of reading them for each call.
_by_url: dict[tuple[int, str], Any] = {}


def connections_client(url: str) -> Any:
    """Return the boto3 client that calls the connections of the stage at ``url``.

    The client does not retry. botocore would repeat a send whose answer was late, and deliver the message twice. With
    botocore's default retries, one bad recipient costs 1.7 to 9.4 seconds.
    """
    key = (os.getpid(), url)
    if key not in _by_url:
        _by_url[key] = _client(
            "apigatewaymanagementapi",
            url,
            protocol.parse_connections_url(url).region,
            connect_timeout=conf.SEND_CONNECT_TIMEOUT,
            read_timeout=conf.SEND_READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": 1},
            max_pool_connections=conf.SEND_THREADS,
        )
    return _by_url[key]


def control_client(endpoint: str | None = None, service: str = "apigatewayv2") -> Any:
    """Return the boto3 client of the control plane at ``endpoint``. None means AWS, whatever the environment.

    The client makes one attempt. botocore would repeat a creation whose answer was lost, and create a second API.
    ``provisioning.control`` decides which calls may be repeated.
    """
    return _client(
        service,
        endpoint,
        None,
        ignore_configured_endpoint_urls=endpoint is None,
        retries={"mode": "standard", "total_max_attempts": 1},
    )


def forget_lookups(**kwargs: Any) -> None:
    """Read the settings again."""
    _by_url.clear()


setting_changed.connect(forget_lookups)


def _client(service: str, url: str | None, region: str | None, **config: Any) -> Any:
    region = region or aws_setting("AWS_GATEWAY_REGION_NAME", "AWS_REGION_NAME")
    key = (os.getpid(), service, url, region, fingerprint(), repr(sorted(config.items())))
    with lock:
        if key not in clients:
            clients[key] = _make_client(service, url, region, config)
        return clients[key]


def _make_client(
    service: str,
    url: str | None,
    region: str | None,
    config: Mapping[str, Any],
) -> Any:
    from botocore.config import Config

    with translated(f"set up a client for {service}"):
        _, boto3_session = session(region)
        options: dict[str, Any] = {}
        if url and protocol.is_loopback(url):
            options["region_name"] = boto3_session.region_name or _LOCAL_REGION
            if boto3_session.get_credentials() is None:
                options.update(aws_access_key_id=LOCAL.access_key, aws_secret_access_key=LOCAL.secret_key)
        return boto3_session.client(service, endpoint_url=url, config=Config(**config), **options)
