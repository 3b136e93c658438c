"""The inspector's page and its requests, over plain HTTP. Every request needs the token of the printed URL."""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
from pathlib import Path
from typing import Any, Awaitable, Callable, Dict
from urllib.parse import parse_qs

from ..error_answers import ApiError, BadRequest, Forbidden, NotFound
from ..hosts import is_loopback_name
from ..http_messages import Headers, Request, Response, json_response
from .faults import CONNECTION_FAULTS, PUSH_FAULTS
from .inspector import Inspector, Unknown

PREFIX = "/_inspector/"
TOKEN_HEADER = "X-Inspector-Token"  # noqa: S105  the name of a header
_STATIC = Path(__file__).parent / "static"
_FILES = {
    "": ("inspector.html", "text/html; charset=utf-8"),
    "inspector.css": ("inspector.css", "text/css; charset=utf-8"),
    "inspector.js": ("inspector.js", "text/javascript; charset=utf-8"),
    "rows.js": ("rows.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
#: How long a request for events waits at most.
_MAX_WAIT = 25.0
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_SAFETY: Headers = [
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]

Action = Callable[[Dict[str, Any]], Awaitable[Any]]


class InspectorSite:
    """Answers ``/_inspector/…`` for a browser on this machine that knows the token."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector
        self.token = secrets.token_urlsafe(24)
        inspector.learn([self.token])
        self._actions: dict[str, Action] = {
            "push": self._push,
            "close": self._close,
            "again": self._again,
            "fault": self._fault,
            "clear": self._clear,
        }

    async def answer(self, request: Request) -> Response:
        """Return the response to a request under :data:`PREFIX`."""
        try:
            response = await self._answer(request)
        except ApiError as error:
            response = json_response(error.status, {"message": str(error)})
        except Unknown as error:
            response = json_response(404, {"message": str(error)})
        return response._replace(headers=[*response.headers, *_SAFETY])

    async def _answer(self, request: Request) -> Response:
        _check_origin(request)
        name = request.path[len(PREFIX) :]
        if name in _FILES and name and request.method == "GET":
            return _file(name)
        query = {key: values[-1] for key, values in parse_qs(request.query).items()}
        self._check_token(request.header(TOKEN_HEADER) or (query.get("token", "") if request.method == "GET" else ""))
        if request.method == "GET":
            return await self._get(name, query)
        if request.method != "POST" or name not in self._actions:
            raise NotFound("The inspector does not have this page")
        result = await self._actions[name](_json_object(request))
        return json_response(200, result or {})

    def _check_token(self, given: str) -> None:
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise Forbidden("Open the URL that the local gateway printed. It contains the token of the inspector.")

    async def _get(self, name: str, query: dict[str, str]) -> Response:
        if name == "":
            return _file(name)
        if name == "events.jsonl":
            return await self._events(query)
        if name == "state":
            return json_response(200, self._inspector.state())
        if name == "curl":
            return json_response(200, {"text": self._inspector.curl(_number(query.get("event")))})
        if name == "test":
            ids = query.get("connection", "").split(",")
            return json_response(200, {"text": self._inspector.saved_test(ids)})
        raise NotFound("The inspector does not have this page")

    async def _events(self, query: dict[str, str]) -> Response:
        after, wait = _number(query.get("after", "0")), _number(query.get("wait", "0"))
        if wait:
            await self._inspector.wait_for_events(after, min(wait, _MAX_WAIT))
        chosen = [query["connection"]] if "connection" in query else None
        events = self._inspector.events(after, chosen, _number(query["limit"]) if "limit" in query else None)
        lines = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
        return Response(200, [("Content-Type", "application/jsonl; charset=utf-8")], lines.encode("utf-8", "replace"))

    # -- actions --------------------------------------------------------------------------------------------

    async def _push(self, data: dict[str, Any]) -> None:
        self._inspector.push(_text(data, "connection"), _text(data, "text"))

    async def _close(self, data: dict[str, Any]) -> None:
        self._inspector.close(_text(data, "connection"))

    async def _again(self, data: dict[str, Any]) -> None:
        await self._inspector.send_again(_number(data.get("event")), _text(data, "text") if "text" in data else None)

    async def _fault(self, data: dict[str, Any]) -> None:
        name = _text(data, "name")
        if name not in (*PUSH_FAULTS, *CONNECTION_FAULTS):
            raise BadRequest(f"There is no fault {name!r}")
        self._inspector.play(name, _text(data, "connection"), data.get("lasting") is True)

    async def _clear(self, data: dict[str, Any]) -> None:
        self._inspector.clear_faults()


def _check_origin(request: Request) -> None:
    """Raise Forbidden unless the request comes from the inspector's page on this machine, under a loopback name."""
    host, origin = request.header("Host") or "", request.header("Origin")
    if not (_is_loopback_address(request.peer) and is_loopback_name(request.host)):
        raise Forbidden("The inspector only answers this machine. Open it at 127.0.0.1 or localhost.")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        raise Forbidden("The inspector only answers its own page")
    if request.header("Sec-Fetch-Site") not in (None, "none", "same-origin"):
        raise Forbidden("The inspector only answers its own page")


def _is_loopback_address(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _file(name: str) -> Response:
    file, content_type = _FILES[name]
    return Response(200, [("Content-Type", content_type)], (_STATIC / file).read_bytes())


def _json_object(request: Request) -> dict[str, Any]:
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise BadRequest("Expected a JSON object")
    return data


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"{name} must be a string")
    return value


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise BadRequest(f"{value!r} is not a number") from None
