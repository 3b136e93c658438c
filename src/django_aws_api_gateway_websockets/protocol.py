"""The interface between API Gateway and an HTTP backend: names, limits, route selection and URLs.

This module uses the standard library only, without Django, because the view, the provisioning and the local gateway all
need it. Limits: AWS, "Quotas for configuring and running a WebSocket API".
"""

from __future__ import annotations

import re
from typing import Any, Mapping, NamedTuple
from urllib.parse import SplitResult, urlsplit

CONNECT, DISCONNECT, DEFAULT = "$connect", "$disconnect", "$default"
PREDEFINED_ROUTES = (CONNECT, DISCONNECT, DEFAULT)

# Headers. API Gateway writes the first two itself. The others arrive because an integration maps them.
API_ID_HEADER = "X-Amzn-Apigateway-Api-Id"
TRACE_ID_HEADER = "X-Amzn-Trace-Id"
CONNECTION_ID_HEADER = "connectionId"
SECRET_HEADER = "X-Websocket-Gateway-Secret"  # noqa: S105  Django hides META keys that hold SECRET
REQUEST_ID_HEADER = "X-Websocket-Request-Id"
SOURCE_IP_HEADER = "X-Websocket-Source-Ip"
EVENT_TYPE_HEADER = "X-Websocket-Event-Type"
CONNECTED_AT_HEADER = "X-Websocket-Connected-At"
MESSAGE_ID_HEADER = "X-Websocket-Message-Id"
ROUTE_KEY_HEADER = "X-Websocket-Route-Key"
STAGE_HEADER = "X-Websocket-Stage"
DOMAIN_NAME_HEADER = "X-Websocket-Domain-Name"
#: The user's name, percent-encoded. The answer to ``$connect`` has it for the inspector of the local gateway only.
USER_HEADER = "X-Websocket-User"

#: The headers that every integration of this package maps: header name -> API Gateway context variable.
CONTEXT_HEADERS: Mapping[str, str] = {
    CONNECTION_ID_HEADER: "context.connectionId",
    REQUEST_ID_HEADER: "context.requestId",
    SOURCE_IP_HEADER: "context.identity.sourceIp",
    EVENT_TYPE_HEADER: "context.eventType",
    CONNECTED_AT_HEADER: "context.connectedAt",
    ROUTE_KEY_HEADER: "context.routeKey",
    STAGE_HEADER: "context.stage",
    DOMAIN_NAME_HEADER: "context.domainName",
}

# Bytes and seconds.
MAX_MESSAGE_BYTES = 128 * 1024
MAX_FRAME_BYTES = 32 * 1024
MAX_URL_CHARS = 4096

#: How many of these an API can have.
MAX_ROUTES, MAX_INTEGRATIONS, MAX_STAGES = 300, 300, 10
INTEGRATION_TIMEOUT = 29.0
IDLE_TIMEOUT = 10 * 60.0
MAX_CONNECTION_AGE = 2 * 60 * 60.0

#: The key of a message for the data of this package and its client (see docs/protocol.md), and the newest version of
#: that protocol.
RESERVED_KEY = "_ws"
CLIENT_VERSION = 1

# RFC 6455 close codes, as API Gateway uses them.
CLOSE_NORMAL = 1000  # DeleteConnection
CLOSE_GOING_AWAY = 1001  # the idle limit and the two-hour limit
CLOSE_UNSUPPORTED_DATA = 1003  # a binary frame from the client
CLOSE_ABNORMAL = 1006  # never sent: what the peer sees if the connection just breaks
CLOSE_TOO_BIG = 1009  # a frame over 32 KB or a message over 128 KB

_BODY_REFERENCE = re.compile(r"\$\{request\.body\.([^}]+)\}|\$request\.body\.([\w.\[\]'\"-]+)")
_PATH_STEP = re.compile(r"\[(\d{1,9})\]|([^.\[\]]+)")
_CONNECTION_ID = re.compile(r"[A-Za-z0-9_=-]{1,128}\Z")
_STAGE_NAME = re.compile(r"[A-Za-z0-9_-]{0,128}\Z")
_API_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_OWN_USER_AGENT = re.compile(r"(?:^|, *)AmazonAPIGateway_[A-Za-z0-9]+\Z")


def client_user_agent(header: str) -> str:
    """Return the ``User-Agent`` of the client of a ``$connect``.

    API Gateway may append its own ``User-Agent``, or replace the client's.

    >>> client_user_agent("Mozilla/5.0 (X11; Linux), AmazonAPIGateway_a1b2c3d4e5")
    'Mozilla/5.0 (X11; Linux)'
    """
    return _OWN_USER_AGENT.sub("", header)


def is_connection_id(value: str) -> bool:
    """Return whether ``value`` has the form of a connection id, such as ``L0SM9cOFvHcCIhw=``."""
    return _CONNECTION_ID.match(value) is not None


def is_stage_name(value: str) -> bool:
    """Return whether ``value`` is empty or has the form of a stage name, such as ``production``."""
    return _STAGE_NAME.match(value) is not None


def is_api_id(value: str) -> bool:
    """Return whether ``value`` has the form of an API id, such as ``a1b2c3d4e5``."""
    return _API_ID.match(value) is not None


def select_route(expression: str, body: Any, route_keys: Any) -> str | None:
    """Return the route key for a message with the parsed ``body``, or None if no route takes it.

    ``expression`` is a route selection expression such as ``$request.body.action`` or
    ``${request.body.a}/${request.body.b}``. Values are compared as strings. A message that selects no existing route
    takes ``$default``.
    """
    key = evaluate_selection(expression, body)
    if key is not None and key in route_keys and key not in (CONNECT, DISCONNECT):
        return key
    return DEFAULT if DEFAULT in route_keys else None


def selecting_key(expression: str) -> str:
    """Return the key of a message that selects its route. Clients cannot write a nested key, so it counts for none."""
    keys = [key for key in body_references(expression) if "." not in key]
    return keys[0] if keys else "action"


def evaluate_selection(expression: str, body: Any) -> str | None:
    """Return ``expression`` with each body reference replaced by its value, or None if a value is missing."""
    parts: list[str] = []
    end = 0
    for match in _BODY_REFERENCE.finditer(expression):
        value = body_value(body, match.group(1) or match.group(2))
        if value is None:
            return None
        parts += [expression[end : match.start()], value]
        end = match.end()
    return "".join(parts) + expression[end:]


def body_value(body: Any, path: str) -> str | None:
    """Return the value at ``path`` (``a.b[0]``) of a parsed JSON body as a string, or None if there is none."""
    try:
        return _as_text(body_item(body, path))
    except LookupError:
        return None


def body_item(body: Any, path: str) -> Any:
    """Return the value at ``path`` (``a.b[0]``) of a parsed JSON body. Raise ``LookupError`` if there is none."""
    for index, name in _PATH_STEP.findall(path):
        step: Any = name or int(index)
        if not isinstance(body, dict if name else list):
            raise LookupError(path)
        body = body[step]
    return body


def body_references(expression: str) -> list[str]:
    """Return the paths into the body that a selection expression names, such as ``["action"]``."""
    return [match.group(1) or match.group(2) for match in _BODY_REFERENCE.finditer(expression)]


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    return None


def route_key_of(path: str) -> str:
    """Return the route key that the last part of an integration URL stands for: ``$connect`` for ``connect``."""
    predefined = path if path.startswith("$") else f"${path}"
    return predefined if predefined in PREDEFINED_ROUTES else path


def route_path(route_key: str) -> str:
    """Return the part of the integration URL that stands for a route: its key without ``$``."""
    return route_key[1:] if route_key in PREDEFINED_ROUTES else route_key


def connections_url(api_endpoint: str, stage: str) -> str:
    """Return the URL of a stage's ``@connections``, derived from the ``ApiEndpoint`` that AWS returned.

    >>> connections_url("wss://a1b2.execute-api.eu-west-1.amazonaws.com", "production")
    'https://a1b2.execute-api.eu-west-1.amazonaws.com/production'
    >>> connections_url("ws://127.0.0.1:8001/a1b2", "production")
    'http://127.0.0.1:8001/a1b2/production'
    """
    scheme, _, rest = api_endpoint.partition("://")
    http = {"wss": "https", "ws": "http", "https": "https", "http": "http"}.get(scheme.lower())
    if http is None or not urlsplit(api_endpoint).hostname:
        raise ValueError(f"{api_endpoint!r} is not an API endpoint. Expected wss://HOST[/PATH], as AWS returns it.")
    return f"{http}://{rest.rstrip('/')}/{stage}"


class ConnectionsEndpoint(NamedTuple):
    """The parts of a ``@connections`` URL that a signature needs."""

    host: str
    region: str | None


_EXECUTE_API = re.compile(r"[a-z0-9]+\.execute-api(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)\Z")


def parse_connections_url(url: str) -> ConnectionsEndpoint:
    """Return the host of a connections URL, and its region if AWS's own host name contains it."""
    host = urlsplit(url).hostname or ""
    match = _EXECUTE_API.match(host)
    return ConnectionsEndpoint(host, match.group(1) if match else None)


LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")


def is_loopback(url: str) -> bool:
    """Return whether ``url`` names this machine, as a local gateway's URL does."""
    return (urlsplit(url).hostname or "") in LOOPBACK_HOSTS


def same_loopback_host(url: str, page_host: str) -> str:
    """Return ``url`` with the host of ``page_host`` (``HOST[:PORT]``) if both name this machine.

    >>> same_loopback_host("ws://127.0.0.1:8001/a1b2/production", "localhost:8000")
    'ws://localhost:8001/a1b2/production'
    """
    page, parts = urlsplit(f"//{page_host}"), urlsplit(url)
    if not is_loopback(url) or page.hostname not in LOOPBACK_HOSTS:
        return url
    host = f"[{page.hostname}]" if ":" in str(page.hostname) else str(page.hostname)
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()


def error_frame(message: str, connection_id: str, request_id: str) -> dict[str, str]:
    """Return the frame that API Gateway sends to a client if a message could not be handled."""
    return {"message": message, "connectionId": connection_id, "requestId": request_id}


def check_public_url(url: str) -> str:
    """Return ``url`` without a trailing slash. Raise ValueError unless it is ``http[s]://HOST[:PORT]``."""
    parts = urlsplit(url.rstrip("/"))
    if not _is_plain(parts):
        raise ValueError(f"{url!r} is not a public URL. Expected http://HOST[:PORT] or https://HOST[:PORT].")
    return parts.geturl()


def _is_plain(parts: SplitResult) -> bool:
    """Return whether the URL consists of scheme, host and port. Raise ValueError if the port is not a number."""
    extra = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    valid_port = parts.port is None or parts.port > 0
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not extra and valid_port
