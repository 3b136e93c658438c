"""One HTTP request and its answer, as the parts of the gateway hand them to each other."""

from __future__ import annotations

import json
from typing import Any, List, NamedTuple, Tuple
from urllib.parse import unquote

from .errors import ApiError

Headers = List[Tuple[str, str]]


class Request(NamedTuple):
    """``path`` is still percent-encoded; ``peer`` is the address of the other end of the socket."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    peer: str

    def header(self, name: str) -> str | None:
        """The first header of that name (any case), or None."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def segments(self) -> list[str]:
        """The parts of the path between slashes, decoded; an encoded slash stays within its part."""
        return [unquote(part) for part in self.path.strip("/").split("/")]

    @property
    def host(self) -> str:
        """The host that the client asked for, lower case, without the port."""
        name = (self.header("Host") or "").strip().lower()
        return name[: name.rfind(":")] if name.rfind(":") > name.rfind("]") else name


class Response(NamedTuple):
    status: int
    headers: Headers
    body: bytes


def json_response(status: int, data: Any) -> Response:
    body = b"" if data is None else json.dumps(data).encode()
    return Response(status, [("Content-Type", "application/json")], body)


def error_response(error: ApiError) -> Response:
    """``error`` in AWS's shape: clients take the code from ``x-amzn-ErrorType``, not from the body."""
    body = json.dumps({"message": str(error)}).encode()
    return Response(error.status, [("Content-Type", "application/json"), ("x-amzn-ErrorType", error.code)], body)


def refusal(status: int, message: str) -> Response:
    """The answer to a handshake that leads to no socket."""
    return json_response(status, {"message": message})
