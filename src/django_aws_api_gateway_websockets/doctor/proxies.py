"""Check whether proxies between the gateway and the view pass on the headers of an event."""

from __future__ import annotations

import http.client
import json
import secrets
from typing import Any, Iterator
from urllib.parse import urlsplit

from .. import protocol
from ..definition import integration_uri
from ..models import ApiGateway
from ..protocol import is_loopback
from ..security.gateway_secret import gateway_secret
from ..security.targets import is_allowed_target
from .finding import ERROR, WARNING, Finding

_TIMEOUT = 3.0
#: A server should drop this header, because WSGI cannot distinguish it from the header that the gateway maps.
_UNDERSCORED = "X_Websocket_Stage"


def headers(gateway: ApiGateway) -> Iterator[Finding]:
    """Post an event of a connection that does not exist. The view's answer names the missing header."""
    url = integration_uri(gateway.target_base_endpoint, protocol.DEFAULT)
    if not gateway.api_id or not _may_see_secret(url):
        return
    sent = _headers_of(gateway)
    refusal = _refusal(url, {**sent, _UNDERSCORED: "doctor"})
    if "has two values" in refusal:
        yield Finding(
            WARNING, "header-underscores", "The site's server accepts header names with underscores as the gateway's.",
            "Configure the server to drop them: underscores_in_headers off (nginx), header_map 'drop' (gunicorn).",
        )  # fmt: skip
        return
    for name in sent:
        if name in refusal:
            yield Finding(
                ERROR, "header-lost", f"A proxy changes or removes the header {name}: {refusal}",
                "Configure the proxy in front of the site to pass the header on.",
            )  # fmt: skip


PROBES = (headers,)


def _may_see_secret(url: str) -> bool:
    """Whether ``url`` is a host of this site, reached in a way that nobody can intercept."""
    return is_allowed_target(url) and (url.lower().startswith("https://") or is_loopback(url))


def _headers_of(gateway: ApiGateway) -> dict[str, str]:
    """The headers without which the view refuses an event, and the one that clients may imitate."""
    return {
        protocol.CONNECTION_ID_HEADER: f"doctor{secrets.token_hex(4)}=",
        protocol.API_ID_HEADER: gateway.api_id or "",
        protocol.SECRET_HEADER: gateway_secret(gateway.api_id or ""),
        protocol.STAGE_HEADER: gateway.stage,
    }


def _refusal(url: str, sent: dict[str, str]) -> str:
    """Return the view's message, or an empty string if no view answers. The round trip reports that."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=_TIMEOUT)
    try:
        connection.request("POST", parts.path, b"{}", {**sent, "Content-Type": "application/json"})
        answer: Any = json.loads(connection.getresponse().read())
        return str(answer["message"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, RecursionError):
        return ""
    finally:
        connection.close()
