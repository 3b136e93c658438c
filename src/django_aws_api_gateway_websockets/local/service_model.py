"""Botocore's service model of ``apigatewayv2``, read from the server's side.

Paths, members, enums, ranges and statuses all come from botocore, so nothing here names an operation. Values are dicts
with member names (``ApiId``), but the JSON on the wire has ``apiId``.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, NamedTuple
from urllib.parse import parse_qs

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from .error_answers import BadRequest, NotFound
from .http_messages import Request

# The model has lengths only in the names of its shapes: StringWithLengthBetween1And128.
_LENGTHS = re.compile(r"Between(\d+)And(\d+)\Z")
_Reader = Callable[[Any, Any, str], Any]
_PARAMETER = re.compile(r"\{([\w-]+)\+?\}")


class Operation(NamedTuple):
    """An operation. ``path`` holds the segments of its path, and ``{name}`` in it is a parameter."""

    name: str
    method: str
    path: list[str]
    status: int
    model: Any


class ControlPlaneModel:
    """Finds the operation of a request and reads its input."""

    def __init__(self) -> None:
        data = Loader().load_service_model("apigatewayv2", "service-2")
        service = ServiceModel(data, "apigatewayv2")
        self.operations = [_operation(service.operation_model(name)) for name in service.operation_names]

    def match(self, request: Request) -> tuple[Operation, dict[str, Any]]:
        """Return the operation that ``request`` asks for, and its checked input."""
        segments = request.segments
        for operation in self.operations:
            parameters = _match_path(operation.path, segments)
            if parameters is not None and operation.method == request.method:
                return operation, _read_input(operation.model, parameters, request)
        raise NotFound(f"apigatewayv2 has no operation {request.method} {request.path}")


def _operation(model: OperationModel) -> Operation:
    path = model.http["requestUri"].strip("/").split("/")
    return Operation(model.name, model.http["method"], path, int(model.http.get("responseCode", 200)), model)


def _match_path(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    found = {}
    for part, segment in zip(pattern, segments):
        parameter = _PARAMETER.match(part)
        if parameter:
            found[parameter.group(1)] = segment
        elif part != segment:
            return None
    return found


def _read_input(model: Any, parameters: dict[str, str], request: Request) -> dict[str, Any]:
    shape = model.input_shape
    query = parse_qs(request.query, keep_blank_values=True)
    body = _json_object(request.body)
    found: dict[str, Any] = {}
    for name, member in (shape.members if shape else {}).items():
        wire = member.serialization.get("name", name)
        location = member.serialization.get("location")
        if location == "uri":
            value: Any = parameters.get(wire)
        elif location == "querystring":
            values = query.get(wire, [])
            value = values if member.type_name == "list" else _from_text(member, values)
        else:
            value = body.get(wire)
        if value is not None and value != []:
            found[name] = _read(member, value, name)
    _require(shape, found, "")
    return found


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise BadRequest("Invalid request body: not JSON") from None
    if not isinstance(value, dict):
        raise BadRequest("Invalid request body: not an object")
    return value


def _from_text(shape: Any, values: list[str]) -> Any:
    """Return a query parameter as the JSON value of its type."""
    if not values:
        return None
    if shape.type_name == "boolean":
        return values[0] == "true"
    return values[0]


def _require(shape: Any, value: dict[str, Any], where: str) -> None:
    missing = [name for name in (shape.required_members if shape else ()) if name not in value]
    if missing:
        raise BadRequest(f"{where + '.' if where else ''}{missing[0]} is required")


def _read(shape: Any, value: Any, where: str) -> Any:
    """Check ``value`` from the wire against ``shape``, and return it with member names."""
    read: _Reader = _READERS.get(shape.type_name, _read_string)
    return read(shape, value, where)


def _read_structure(shape: Any, value: Any, where: str) -> dict[str, Any]:
    _expect(isinstance(value, dict), where, "an object")
    found = {}
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        if value.get(wire) is not None:
            found[name] = _read(member, value[wire], f"{where}.{name}")
    _require(shape, found, where)
    return found


def _read_map(shape: Any, value: Any, where: str) -> dict[str, Any]:
    _expect(isinstance(value, dict), where, "a map")
    return {
        # In an update, the empty string removes a key, so it may be shorter than the values must be.
        key: item if item == "" else _read(shape.value, item, f"{where}.{key}")
        for key, item in value.items()
        if item is not None
    }


def _read_list(shape: Any, value: Any, where: str) -> list[Any]:
    _expect(isinstance(value, list), where, "a list")
    return [_read(shape.member, item, where) for item in value]


def _read_string(shape: Any, value: Any, where: str) -> str:
    _expect(isinstance(value, str), where, "a string")
    _expect(not shape.enum or value in shape.enum, where, f"one of {', '.join(shape.enum)}")
    lengths = _LENGTHS.search(shape.name)
    if lengths:
        low, high = int(lengths.group(1)), int(lengths.group(2))
        _expect(low <= len(value) <= high, where, f"between {low} and {high} characters long")
    return str(value)


def _read_integer(shape: Any, value: Any, where: str) -> int:
    _expect(isinstance(value, int) and not isinstance(value, bool), where, "an integer")
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    _expect((low is None or value >= low) and (high is None or value <= high), where, f"between {low} and {high}")
    return int(value)


def _read_double(shape: Any, value: Any, where: str) -> float:
    _expect(isinstance(value, (int, float)) and not isinstance(value, bool), where, "a number")
    return float(value)


def _read_boolean(shape: Any, value: Any, where: str) -> bool:
    _expect(isinstance(value, bool), where, "true or false")
    return bool(value)


def _expect(condition: bool, where: str, expected: str) -> None:
    if not condition:
        raise BadRequest(f"Invalid value for {where}: must be {expected}")


_READERS: dict[str, _Reader] = {
    "structure": _read_structure,
    "map": _read_map,
    "list": _read_list,
    "integer": _read_integer,
    "long": _read_integer,
    "double": _read_double,
    "boolean": _read_boolean,
}


def write_output(operation: Operation, value: dict[str, Any]) -> dict[str, Any] | None:
    """Return ``value`` as the body of the response: the members of the output shape, under their names on the wire."""
    shape = operation.model.output_shape
    if shape is None or operation.status == 204:
        return None
    written = _write(shape, value)
    return dict(written)


def _write(shape: Any, value: Any) -> Any:
    if shape.type_name == "structure":
        return {
            member.serialization.get("name", name): _write(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "map":
        return {key: _write(shape.value, item) for key, item in value.items()}
    if shape.type_name == "list":
        return [_write(shape.member, item) for item in value]
    return value
