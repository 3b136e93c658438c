"""The custom domain from outside: its DNS record and its certificate."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Iterator

from ..models import ApiGateway
from .finding import ERROR, WARNING, Finding

_TIMEOUT = 3.0
_DAYS = 14


def dns(gateway: ApiGateway) -> Iterator[Finding]:
    if not gateway.custom_domain_created or gateway.is_local:
        return
    name, wanted = gateway.domain_name, gateway.api_gateway_domain_name
    found, target = _addresses(name), _addresses(wanted)
    if not found:
        yield Finding(
            ERROR, "dns-missing", f"{name} has no address.", f"Point its DNS record (CNAME or alias) at {wanted}."
        )
    elif target and not found & target:
        yield Finding(
            WARNING, "dns-elsewhere", f"The addresses of {name} differ from those of {wanted}.",
            f"Point its DNS record (CNAME or alias) at {wanted}, unless it points at your own proxy.",
        )  # fmt: skip


def certificate(gateway: ApiGateway) -> Iterator[Finding]:
    if gateway.custom_domain_created and not gateway.is_local and _addresses(gateway.domain_name):
        yield from check_certificate(gateway.domain_name, 443)


def check_certificate(host: str, port: int, context: ssl.SSLContext | None = None) -> Iterator[Finding]:
    """Open a TLS connection to ``host``, and check the certificate."""
    remedy = "Renew it in AWS Certificate Manager, and enter its ARN in the row."
    context = context or ssl.create_default_context()
    try:
        plain = socket.create_connection((host, port), _TIMEOUT)
        with plain, context.wrap_socket(plain, server_hostname=host) as secured:
            until = ssl.cert_time_to_seconds(str((secured.getpeercert() or {})["notAfter"]))
    except ssl.SSLCertVerificationError as error:
        yield Finding(ERROR, "certificate-refused", f"The certificate of {host}: {error.verify_message}.", remedy)
    except OSError as error:
        yield Finding(
            ERROR, "tls-failed", f"No TLS connection to {host}: {error}.", "Check the DNS record and the firewall."
        )
    else:
        days = int((until - time.time()) // 86400)
        if days < _DAYS:
            yield Finding(WARNING, "certificate-expires", f"The certificate of {host} expires in {days} days.", remedy)


PROBES = (dns, certificate)


def _addresses(name: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, 443)} if name else set()
    except OSError:
        return set()
