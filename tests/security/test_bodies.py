"""Bodies that are too large, or that a parser, a database or an answer cannot take."""

from __future__ import annotations

import json
import time

import pytest
from django.test import Client, override_settings
from hypothesis import given
from hypothesis import strategies as st

from django_aws_api_gateway_websockets.exceptions import MessageTooLarge
from django_aws_api_gateway_websockets.models import WebSocketSession
from django_aws_api_gateway_websockets.protocol import MAX_MESSAGE_BYTES
from django_aws_api_gateway_websockets.security.bodies import is_deeper

pytestmark = pytest.mark.django_db


@pytest.fixture
def send(connect, alice):
    """Posts bytes as the gateway would deliver them."""
    socket = connect(alice)

    def send(raw):
        client = Client(raise_request_exception=False)
        return client.post(
            "/ws/default", raw, content_type="application/json", headers=socket.event_headers("$default")
        )

    return send


def sized(size):
    """A message that asks for an answer, of ``size`` bytes as JSON."""
    empty = len(json.dumps({"action": "help", "text": ""}))
    return json.dumps({"action": "help", "text": "x" * (size - empty)}).encode()


def test_128_kb_arrive_and_one_byte_more_does_not(send, django_assert_num_queries):
    assert len(sized(MAX_MESSAGE_BYTES)) == 131_072
    assert send(sized(MAX_MESSAGE_BYTES)).status_code == 200
    with django_assert_num_queries(0):
        response = send(sized(MAX_MESSAGE_BYTES + 1))
    assert response.status_code == 413


@pytest.mark.parametrize("many", [False, True], ids=["one row", "queryset"])
def test_128_kb_are_sent_and_one_byte_more_raises(connect, alice, many):
    socket = connect(alice)
    fits = "é" * ((MAX_MESSAGE_BYTES - len('{"t":""}')) // 2)
    assert socket.session.send_message({"t": fits})
    assert len(socket.receive().encode()) == 131_072
    sender = WebSocketSession.objects if many else socket.session
    with pytest.raises(MessageTooLarge):
        sender.send_message({"t": fits + "x"})
    assert socket.receive_nothing()


def test_a_site_with_a_lower_limit_of_its_own_answers_413(send):
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000):
        assert send(sized(1001)).status_code == 413


NASTY = {
    "empty": b"",
    "not JSON": b"hello",
    "truncated": b'{"action": "he',
    "trailing comma": b'{"action": "help",}',
    "two values": b'{"action": "help"} {}',
    "array": b"[]",
    "number": b"1",
    "text": b'"help"',
    "null": b"null",
    "NaN": b'{"action": "help", "n": NaN}',
    "Infinity": b'{"action": "help", "n": Infinity}',
    "-Infinity": b'{"action": "help", "n": [-Infinity]}',
    "a number beyond a float": b'{"action": "help", "n": 1e400}',
    "a negative one, nested": b'{"action": "help", "n": [{"n": -1.5e999}]}',
    "deep array": b'{"action": "help", "n": ' + b"[" * 100 + b"]" * 100 + b"}",
    "deep object": b'{"action": "help", "n": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}",
    "very deep array": b"[" * 65_000 + b"]" * 65_000,
    "very deep object": b'{"a":' * 20_000,
    "only openings": b"[" * 131_072,
    "mixed openings": b'[{"":' * 26_000,
    "openings after a text": b'{"a": "\\"", "n": ' + b"[" * 100_000,
    "65 levels": b'{"action": "help", "n": ' + b"[" * 64 + b"]" * 64 + b"}",
    "lone high surrogate": b'{"action": "help", "t": "\\ud800"}',
    "lone low surrogate": b'{"action": "help", "t": "\\uDFFF x"}',
    "surrogates in the wrong order": b'{"action": "help", "t": "\\udc00\\ud800"}',
    "surrogate in a key": b'{"action": "help", "\\ud800": 1}',
    "surrogate in the action": b'{"action": "\\ud800"}',
    "NUL": b'{"action": "help", "t": "a\\u0000b"}',
    "NUL in a key, nested": b'{"action": "help", "t": [{"\\u0000": 1}]}',
    "raw NUL": b'{"action": "help", "t": "\0"}',
    "raw control": b'{"action": "help", "t": "\n"}',
    "UTF-16": '{"action": "help"}'.encode("utf-16"),
    "Latin-1": '{"action": "help", "t": "é"}'.encode("latin-1"),
    "encoded surrogate": b'{"action": "help", "t": "\xed\xa0\x80"}',
    "overlong": b'{"action": "help", "t": "\xc0\xaf"}',
    "byte order mark": b'\xef\xbb\xbf{"action": "help"}',
    "huge number": b'{"action": "help", "n": ' + b"9" * 100_000 + b"}",
    "many quotes": b'"' * 131_072,
    "escaped quotes in a text without end": b'{"action":"help","a":[' + b"[]," * 70 + b'"' + b'\\"' * 65_400,
    "many escapes": b'{"action": "' + b"\\" * 131_000,
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_body_gets_400(send, name):
    assert len(NASTY) >= 30
    # CPU, and the least of several tries: a busy machine is no bomb, and a bomb is one each time.
    took = []
    while len(took) < 5 and min(took, default=1) >= 0.05:
        started = time.thread_time()
        response = send(NASTY[name])
        took.append(time.thread_time() - started)
        assert response.status_code == 400
    assert min(took) < 0.05


@pytest.mark.parametrize(
    "text", ["\U0001f600", "ünï", "a\\u0000b", "\\ud800", "line\nbreak", "]" * 100 + "[" * 100, '"' * 200, "\\" * 99]
)
def test_text_that_only_looks_nasty_arrives(send, text):
    assert send(json.dumps({"action": "help", "t": text}).encode()).status_code == 200
    assert send(json.dumps({"action": "help", "t": text}, ensure_ascii=False).encode()).status_code == 200


@pytest.mark.parametrize("number", ["1.7976931348623157e308", "-1e308", "1e-400", "-0.0", "1E+2", "4" * 4000])
def test_numbers_that_a_float_or_an_integer_holds_arrive(send, number):
    assert send(b'{"action": "default", "n": ' + number.encode() + b"}").status_code == 200


def test_64_levels_arrive_and_the_setting_changes_that(send):
    body = b'{"action": "help", "n": ' + b"[" * 63 + b"]" * 63 + b"}"
    assert send(body).status_code == 200
    with override_settings(WEBSOCKETS={"MAX_JSON_DEPTH": 3}):
        assert send(body).status_code == 400


def depth(value):
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(
    st.recursive(
        st.none() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=30,
    )
)
@pytest.mark.once
def test_depth_is_counted_as_a_parser_would(value):
    text = json.dumps(value, ensure_ascii=False)
    assert not is_deeper(text, depth(value))
    assert is_deeper(text, depth(value) - 1) == (depth(value) > 0)
