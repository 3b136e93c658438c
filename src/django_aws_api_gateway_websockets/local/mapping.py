"""Build the HTTP request that an integration gets for an event. This module is pure: no socket, no clock.

Source: AWS, "WebSocket API mapping template and parameter mapping reference".
"""

from __future__ import annotations

import re
from typing import Any, Mapping, NamedTuple
from urllib.parse import parse_qs, quote, quote_plus, unquote_plus

from ..protocol import API_ID_HEADER, CONNECT, TRACE_ID_HEADER, body_value
from . import unknowns
from .http_messages import Headers
from .store import Resource

CONTEXT_VARIABLES = frozenset(
    """connectionId connectedAt domainName eventType messageId routeKey requestId extendedRequestId apiId
    stage requestTime requestTimeEpoch identity.sourceIp identity.userAgent authorizer.principalId
    disconnectStatusCode disconnectReason""".split()  # noqa: SIM905  a list of this length is harder to read
)
# Hop-by-hop headers, and headers that the gateway writes for its own request.
_NOT_FORWARDED = frozenset(
    """connection upgrade host content-length transfer-encoding keep-alive te trailer expect
    proxy-connection proxy-authorization proxy-authenticate""".split()  # noqa: SIM905
)
_TARGET = re.compile(r"integration\.request\.(header|querystring|path)\.([A-Za-z0-9!#$%&'*+.^_`|~-]+)\Z")
_SOURCE = re.compile(
    r"'[^']*'\Z|context\.authorizer\.[\w-]+\Z|stageVariables\.\w+\Z|route\.request\.body(\.\S+)?\Z"
    r"|route\.request\.(multivalue)?(header|querystring)\.[^\s.]+\Z"
)
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Event(NamedTuple):
    """An event of a connection. Only ``$connect`` has ``headers`` and ``query``, which are those of the handshake."""

    context: Mapping[str, str]
    headers: Headers
    query: str
    text: str
    body: Any
    forwarded: Mapping[str, str]
    trace_id: str


class Outgoing(NamedTuple):
    method: str
    url: str
    headers: Headers
    body: bytes


def check_mapping(target: str, source: str) -> str | None:
    """Return what is wrong with this entry of ``RequestParameters``, or None."""
    if not _TARGET.match(target):
        return f"{target!r} is not a target. Expected integration.request.header|querystring|path.NAME"
    if source.startswith("context.") and source[len("context.") :] in CONTEXT_VARIABLES:
        return None
    if not _SOURCE.match(source):
        return f"{source!r} is not a source. Expected context.NAME, route.request.…, stageVariables.NAME or 'text'"
    return None


def build_request(route: Resource, event: Event, variables: Mapping[str, str]) -> Outgoing:
    """Return the request to the integration of ``route``. ``variables`` are the stage's variables."""
    integration = route["Integration"]
    mapped: dict[str, dict[str, str | None]] = {"header": {}, "querystring": {}, "path": {}}
    for target, source in integration.get("RequestParameters", {}).items():
        place, name = target.split(".", 3)[2:]
        mapped[place][name] = evaluate(source, route, event, variables)
    method = integration["IntegrationMethod"]
    return Outgoing(
        unknowns.ANY_METHOD if method == "ANY" else method,
        _url(integration["IntegrationUri"], event, mapped, variables),
        _headers(event, mapped["header"]),
        event.text.encode("utf-8"),
    )


def evaluate(source: str, route: Resource, event: Event, variables: Mapping[str, str]) -> str | None:
    """Return the value of a mapping source for this event, or None."""
    if source.startswith("'"):
        return source[1:-1]
    root, _, name = source.partition(".")
    if root == "context":
        return event.context.get(name)
    if root == "stageVariables":
        return variables.get(name)
    place, _, name = name.partition(".")[2].partition(".")
    if place == "body":
        return body_value(event.body, name) if name else event.text
    return _handshake_value(place, name, route, event)


def _handshake_value(place: str, name: str, route: Resource, event: Event) -> str | None:
    """Return a parameter of the handshake that the route declares. The plain form takes the last value."""
    multivalue = place.startswith("multivalue")
    kind = place[len("multivalue") :] if multivalue else place
    declared = {parameter.lower() for parameter in route.get("RequestParameters", {})}
    if not {f"route.request.{kind}.{name}".lower(), f"route.request.{place}.{name}".lower()} & declared:
        return None
    values = handshake_values(kind, name, event)
    return (",".join(values) if multivalue else values[-1]) if values else None


def handshake_values(kind: str, name: str, event: Event) -> list[str]:
    """Return every value of a header (in any case) or a query parameter of the handshake."""
    if kind == "header":
        return [value for key, value in event.headers if key.lower() == name.lower()]
    return parse_qs(event.query, keep_blank_values=True).get(name, [])


def missing_parameter(route: Resource, event: Event) -> str | None:
    """Return a parameter that the route requires but the handshake does not have."""
    for parameter, constraint in route.get("RequestParameters", {}).items():
        _, _, kind, name = parameter.split(".", 3)
        if constraint.get("Required") and not handshake_values(kind, name, event):
            return str(parameter)
    return None


def _url(uri: str, event: Event, mapped: Mapping[str, Mapping[str, str | None]], variables: Mapping[str, str]) -> str:
    url = _STAGE_VARIABLE.sub(lambda match: variables.get(match.group(1), ""), uri)
    for name, value in mapped["path"].items():
        url = url.replace("{" + name + "}", _path_segment(name, value))
    added = [pair for pair in _pairs(event.query) if unquote_plus(pair.partition("=")[0]) not in mapped["querystring"]]
    for name, value in mapped["querystring"].items():
        if value is not None:
            added.append(f"{quote_plus(name)}={quote_plus(value)}")
    return url + ("&" if "?" in url else "?") + "&".join(added) if added else url


def _pairs(query: str) -> list[str]:
    """Return the handshake's parameters as the client wrote them. A ``#`` would cut off the rest of the URL."""
    return query.replace("#", "%23").split("&") if query else []


def _path_segment(name: str, value: str | None) -> str:
    """Return ``value`` for the place of ``{name}``. Raise ValueError if it would change the path otherwise."""
    if not value or value in unknowns.NO_PATH_VALUES or set(value) & set(unknowns.NO_PATH_CHARACTERS):
        raise ValueError(f"{value!r} cannot replace {{{name}}} in the path. Expected one segment of a path")
    return quote(value, safe="")


def _headers(event: Event, mapped: Mapping[str, str | None]) -> Headers:
    """Return the handshake's headers, the gateway's own and the mapped ones. For each name, the last header wins.

    WSGI cannot distinguish some names (different case, ``_`` for ``-``). A client's header with such a name is dropped,
    even if the mapping has no value for this event.
    """
    own = _own_headers(event)
    written: Headers = [(name, value) for name, value in own.items() if _wsgi_name(name) not in _names(mapped)]
    for name, value in mapped.items():
        if value is not None:
            written.append((name, _CONTROL.sub(unknowns.CONTROL_CHARACTER, value).strip()))
    taken = _names(own) | _names(mapped)
    passed = [
        (name, value)
        for name, value in event.headers
        if _wsgi_name(name) not in _NOT_FORWARDED and _wsgi_name(name) not in taken
    ]
    return passed + written


def _own_headers(event: Event) -> dict[str, str]:
    api_id = event.context["apiId"]
    own = {API_ID_HEADER: api_id, TRACE_ID_HEADER: event.trace_id}
    if event.context["routeKey"] == CONNECT:
        own.update(event.forwarded)
        if not handshake_values("header", "User-Agent", event):
            own["User-Agent"] = unknowns.USER_AGENT.format(api_id=api_id)
        return own
    own["User-Agent"] = unknowns.USER_AGENT.format(api_id=api_id)
    own["Accept"] = unknowns.MESSAGE_ACCEPT
    own["Content-Type"] = unknowns.MESSAGE_CONTENT_TYPE
    return own


def _names(headers: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(_wsgi_name(name) for name in headers)


def _wsgi_name(name: str) -> str:
    return name.lower().replace("_", "-")
