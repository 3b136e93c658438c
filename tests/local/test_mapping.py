"""The request that an integration gets, without a socket."""

from __future__ import annotations

from typing import Any

import pytest

from django_aws_api_gateway_websockets.local.mapping import Event, build_request, check_mapping, evaluate

CONTEXT = {"apiId": "a1", "routeKey": "$connect", "connectionId": "abc=", "identity.sourceIp": "127.0.0.1"}
DECLARED = {
    "RequestParameters": {
        "route.request.header.X-Token": {"Required": False},
        "route.request.querystring.tag": {"Required": False},
    }
}


def event(**values: Any) -> Event:
    base = Event(CONTEXT, [], "", "", None, {"X-Forwarded-For": "127.0.0.1"}, "Root=1")
    return base._replace(**values)


def route(parameters: dict[str, str] | None = None, uri: str = "http://backend/path", **more: Any) -> dict[str, Any]:
    integration = {"IntegrationUri": uri, "IntegrationMethod": "POST", "RequestParameters": parameters or {}}
    return {"RouteKey": "$connect", "Integration": integration, **more}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("context.connectionId", "abc="),
        ("context.identity.sourceIp", "127.0.0.1"),
        ("context.messageId", None),
        ("stageVariables.color", "blue"),
        ("stageVariables.other", None),
        ("'static text'", "static text"),
        ("''", ""),
        ("route.request.body.a.b[1]", "2"),
        ("route.request.body.none", None),
        ("route.request.header.x-token", "second"),
        ("route.request.multivalueheader.X-Token", "first,second"),
        ("route.request.querystring.tag", "y z"),
        ("route.request.multivaluequerystring.tag", "x,y z"),
        ("route.request.header.Origin", None),  # not declared on the route
    ],
)
def test_sources(source: str, value: str | None) -> None:
    happened = event(
        headers=[("X-Token", "first"), ("x-token", "second"), ("Origin", "http://o")],
        query="tag=x&tag=y+z",
        body={"a": {"b": [1, 2]}},
    )
    assert check_mapping("integration.request.header.x", source) is None
    assert evaluate(source, {**route(), **DECLARED}, happened, {"color": "blue"}) == value


@pytest.mark.parametrize(
    "spelling", ["connectionId", "CONNECTIONID", "X-Secret", "x_secret", "X-Amzn_Apigateway-Api-Id"]
)
def test_a_client_cannot_write_what_the_gateway_writes(spelling: str) -> None:
    parameters = {
        "integration.request.header.connectionId": "context.connectionId",
        "integration.request.header.X-Secret": "stageVariables.none",  # without a value, and still not the client's
    }
    built = build_request(route(parameters), event(headers=[(spelling, "forged"), ("Cookie", "a=b")]), {})
    assert ("Cookie", "a=b") in built.headers
    assert ("connectionId", "abc=") in built.headers
    assert "forged" not in dict(built.headers).values()


def test_hop_by_hop_headers_and_the_clients_host_stay_behind() -> None:
    kept = {"Sec-WebSocket-Version": "0"}
    sent = [("Host", "ws"), ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
    sent += [("Content_Length", "5"), ("Transfer_Encoding", "chunked")]  # a WSGI server may read _ as -
    built = build_request(route({"integration.request.header.Sec-WebSocket-Version": "'0'"}), event(headers=sent), {})
    names = ("Host", "Conn", "Up", "Sec", "Content", "Transfer")
    assert {name: value for name, value in built.headers if name.startswith(names)} == kept


def test_a_mapped_value_cannot_begin_a_header_of_its_own() -> None:
    happened = event(body={"a": "x\r\nX-Secret: y\0"})
    built = build_request(route({"integration.request.header.a": "route.request.body.a"}), happened, {})
    assert ("a", "x  X-Secret: y") in built.headers


def test_the_url_takes_stage_variables_path_and_query() -> None:
    parameters = {
        "integration.request.path.room": "route.request.body.room",
        "integration.request.querystring.id": "context.connectionId",
    }
    built = build_request(
        route(parameters, "http://${stageVariables.host}/{room}?fixed=1"),
        event(body={"room": "a b?é"}, query="channel=x+y"),
        {"host": "backend:80"},
    )
    assert built.url == "http://backend:80/a%20b%3F%C3%A9?fixed=1&channel=x+y&id=abc%3D"


def test_messages_carry_only_what_the_facts_list() -> None:
    happened = event(context={**CONTEXT, "routeKey": "$default"}, text="héllo")
    built = build_request(route(), happened, {})
    assert built.body == "héllo".encode()
    assert {name for name, _ in built.headers} == {
        "Accept",
        "Content-Type",
        "User-Agent",
        "X-Amzn-Apigateway-Api-Id",
        "X-Amzn-Trace-Id",
    }
