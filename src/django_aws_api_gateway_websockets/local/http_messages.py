"""HTTP requests and responses, as the modules of the local gateway pass them to each other."""

from __future__ import annotations

import json
from typing import Any, List, NamedTuple, Tuple
from urllib.parse import unquote

from .error_answers import ApiError

Headers = List[Tuple[str, str]]


class Request(NamedTuple):
    """An HTTP request. ``path`` is still percent-encoded; ``peer`` is the client's IP address."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    peer: str

    def header(self, name: str) -> str | None:
        """Return the first header called ``name`` in any case, or None."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def segments(self) -> list[str]:
        """The decoded parts of the path between slashes. An encoded slash stays inside its part."""
        return [unquote(part) for part in self.path.strip("/").split("/")]

    @property
    def host(self) -> str:
        """The name in the ``Host`` header, in lower case and without the port."""
        return host_name(self.header("Host") or "")

    @property
    def from_web_page(self) -> bool:
        """Return whether a script or a form of a web page sent this request. SDKs do not send these headers."""
        return self.header("Origin") is not None or self.header("Sec-Fetch-Site") not in (None, "none")


def host_name(netloc: str) -> str:
    """Return ``HOST`` of ``HOST[:PORT]`` in lower case. An IPv6 address keeps its brackets."""
    name = netloc.strip().lower()
    return name[: name.rfind(":")] if name.rfind(":") > name.rfind("]") else name


class Response(NamedTuple):
    status: int
    headers: Headers
    body: bytes


def json_response(status: int, data: Any) -> Response:
    """Return ``data`` as JSON, or an empty body for None."""
    body = b"" if data is None else json.dumps(data).encode()
    return Response(status, [("Content-Type", "application/json")], body)


def error_response(error: ApiError) -> Response:
    """Return ``error`` in AWS's form. Clients read the code from ``x-amzn-ErrorType``, not from the body."""
    body = json.dumps({"message": str(error)}).encode()
    return Response(error.status, [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code)], body)


def refusal(status: int, message: str) -> Response:
    """Return the response to a handshake that opens no connection."""
    return json_response(status, {"message": message})
