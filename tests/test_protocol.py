from __future__ import annotations

import doctest

import pytest

from django_aws_api_gateway_websockets import protocol

ROUTES = {"$connect", "$disconnect", "$default", "orders", "a/b", "7", "true"}


def test_the_examples_of_the_docstrings_hold():
    failed, attempted = doctest.testmod(protocol)
    assert (failed, attempted > 0) == (0, True)


@pytest.mark.parametrize(
    ("expression", "body", "route"),
    [
        ("$request.body.action", {"action": "orders"}, "orders"),
        ("$request.body.action", {"action": "unknown"}, "$default"),
        ("$request.body.action", {"action": 7}, "7"),
        ("$request.body.action", {"action": True}, "true"),
        ("$request.body.action", {"action": None}, "$default"),
        ("$request.body.action", {"action": {"a": 1}}, "$default"),
        ("$request.body.action", {}, "$default"),
        ("$request.body.action", None, "$default"),
        ("$request.body.action", ["orders"], "$default"),
        ("$request.body.action", {"action": "$connect"}, "$default"),
        ("$request.body.action", {"action": "$disconnect"}, "$default"),
        ("$request.body.deep.er", {"deep": {"er": "orders"}}, "orders"),
        ("$request.body.deep.er", {"deep": "orders"}, "$default"),
        ("${request.body.x}/${request.body.y}", {"x": "a", "y": "b"}, "a/b"),
        ("${request.body.x}/${request.body.y}", {"x": "a"}, "$default"),
    ],
)
def test_a_message_goes_to_the_route_that_the_expression_selects(expression, body, route):
    assert protocol.select_route(expression, body, ROUTES) == route


def test_without_a_default_route_nothing_takes_an_unknown_key():
    assert protocol.select_route("$request.body.action", {"action": "x"}, {"orders"}) is None


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("wss://a1.execute-api.eu-west-1.amazonaws.com", "https://a1.execute-api.eu-west-1.amazonaws.com/live"),
        ("wss://a1.execute-api.cn-north-1.amazonaws.com.cn", "https://a1.execute-api.cn-north-1.amazonaws.com.cn/live"),
        ("ws://127.0.0.1:8001/a1", "http://127.0.0.1:8001/a1/live"),
        ("ws://[::1]:8001/a1/", "http://[::1]:8001/a1/live"),
    ],
)
def test_where_to_send_is_derived_from_the_api_endpoint(endpoint, url):
    assert protocol.connections_url(endpoint, "live") == url


@pytest.mark.parametrize("endpoint", ["", "a1.execute-api.eu-west-1.amazonaws.com", "ftp://x", "wss://"])
def test_what_is_no_api_endpoint_is_named(endpoint):
    with pytest.raises(ValueError, match=r"is not an API endpoint\. Expected wss://"):
        protocol.connections_url(endpoint, "live")


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://a1.execute-api.eu-west-1.amazonaws.com/live", "eu-west-1"),
        ("https://a1.execute-api.cn-north-1.amazonaws.com.cn/live", "cn-north-1"),
        ("https://a1.execute-api.us-gov-west-1.amazonaws.com/live", "us-gov-west-1"),
        ("https://ws.example.com", None),
        ("http://127.0.0.1:8001/a1/live", None),
        ("https://a1.execute-api.eu-west-1.amazonaws.com.evil.example/live", None),
    ],
)
def test_the_region_is_read_from_awss_own_host_names_only(url, region):
    assert protocol.parse_connections_url(url).region == region


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("L0SM9cOFvHcCIhw=", True),
        ("a-b_c=", True),
        ("", False),
        ("a b", False),
        ("a\n", False),
        ("é", False),
        ("x" * 129, False),
    ],
)
def test_the_shape_of_a_connection_id(value, valid):
    assert protocol.is_connection_id(value) is valid
