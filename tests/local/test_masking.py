"""Secrets in whatever the inspector records: none of them shows, in any form that it writes."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any, List
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_aws_api_gateway_websockets.local.inspector.inspector import Inspector
from django_aws_api_gateway_websockets.local.inspector.masking import MASK, Masker
from django_aws_api_gateway_websockets.local.integrations import Call
from django_aws_api_gateway_websockets.local.mapping import Outgoing
from django_aws_api_gateway_websockets.local.store import Store

ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHIJKLMNPQRSTUVWXYZ0123456789"
#: No secret is a part of the words around it, so that finding one means that it was shown.
SECRETS = st.text(ALPHABET + "-_.~+/=:é%", min_size=10, max_size=40).map(lambda text: f"S{text}x")


class Unbound(Inspector):
    """An inspector of a gateway that has no connections."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._gateway_url = "http://127.0.0.1:8001"


def forms(secret: str) -> List[str]:
    return [
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    ]


@st.composite
def captures(draw: Any) -> Any:
    """Return an inspector that saw a conversation with secrets in it, and the secrets."""
    cookie, bearer, password, token, static = draw(st.lists(SECRETS, min_size=5, max_size=5, unique=True))
    secrets = [cookie, bearer, password, token, static]
    store = Store()
    mapped = {"integration.request.header.X-Proof": f"'{static}'", "integration.request.header.Sec-V": "'0'"}
    store.put("Integration", ("api", "one"), {"RequestParameters": mapped})
    inspector = Unbound(store)
    basic = base64.b64encode(f"bob:{password}".encode()).decode()
    headers = [
        ("cookie", f"theme=dark; sessionid={cookie}"),
        (draw(st.sampled_from(["Authorization", "X-Api-Key", "x-auth"])), f"Bearer {bearer}"),
        ("Proxy-Authorization", f"Basic {basic}"),
        ("Sec-WebSocket-Protocol", f"v1, {'t' * 40}{ALPHABET}"),
        ("Origin", "http://127.0.0.1"),
    ]
    parameter = draw(st.sampled_from(["ws_token", "token", "access%5Ftoken", "Password"]))
    query = f"channel=a&{parameter}={quote_plus(token)}"
    inspector.record("handshake", "abc=", "/api/test", query, tuple(headers), "127.0.0.1")
    for _ in range(draw(st.integers(1, 6))):
        record(draw, inspector, secrets, headers, query)
    inspector.record("closed", "abc=", 1000, "closed by the client")
    return inspector, [*secrets, basic]


def record(draw: Any, inspector: Inspector, secrets: List[str], headers: Any, query: str) -> None:
    """Record an event whose texts hold secrets in some form."""
    text = draw(planted(secrets))
    kind = draw(st.sampled_from(["call", "received", "push", "reply", "error", "refused"]))
    if kind == "call":
        outgoing = Outgoing("POST", f"http://s/ws/connect?{query}", [*headers, ("X-Proof", secrets[4])], text.encode())
        answer = draw(planted(secrets)).encode()
        failed = draw(st.booleans())
        status = None if failed else draw(st.sampled_from([200, 403, 500]))
        route = draw(st.sampled_from(["$connect", "$default"]))
        call = Call("abc=", route, "POST", 1.0, outgoing)
        inspector.record("call", "abc=", *call.flat(), 0.1, status, answer, text if failed else "")
    elif kind == "received":
        inspector.record("received", "abc=", text, draw(st.sampled_from([None, "$default", text])))
    elif kind == "push":
        inspector.record("push", "abc=", text, draw(st.sampled_from([200, 410])), text)
    elif kind == "refused":
        inspector.record("refused", "abc=", 403, json.dumps({"message": text}).encode())
    else:
        inspector.record(kind, "abc=", text)


def planted(secrets: List[str]) -> Any:
    """Texts in which one of the secrets appears, in the ways in which texts hold them."""

    def write(secret: str, form: int, frame: str) -> str:
        return frame.replace("{}", forms(secret)[form])

    frames = [
        "{}",
        "before {} after",
        '{"note": "{}"}',
        '{"a": [{"b": "{}"}], "token": "{}"}',
        '["{}", "{}"]',
        "x={}&y={}",
        '"{}"',
        "http://example.com/{}?a={}",
        "Traceback (most recent call last):\n  File\nValueError: {}",
        '<title>ValueError at /</title><pre class="exception_value">{}</pre>',
        "Cookie: a={}\nAuthorization: Bearer {}\n",
    ]
    return st.builds(write, st.sampled_from(secrets), st.integers(0, 5), st.sampled_from(frames))


@pytest.mark.once
@settings(max_examples=1000, deadline=None)
@given(captures())
def test_no_planted_secret_is_ever_shown(capture: Any) -> None:
    inspector, secrets = capture
    events = inspector.events()
    shown = json.dumps(events, ensure_ascii=False) + json.dumps(events)
    shown += "".join(inspector.curl(event["n"]) for event in events)
    shown += inspector.saved_test(["abc="])
    found = [form for secret in secrets for form in forms(secret) if form in shown]
    assert found == []
    assert ALPHABET not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"token": "abc", "author": "bob"}', f'{{"token": "{MASK}", "author": "bob"}}'),
        ('{"author":"bob", "count":1}', '{"author":"bob", "count":1}'),
        ('{"tokens": ["a", "b"], "auth": {"x": 1}}', f'{{"tokens": "{MASK}", "auth": "{MASK}"}}'),
        ('{"api_key": "k", "apiKey": null, "token": ""}', f'{{"api_key": "{MASK}", "apiKey": null, "token": ""}}'),
        ('{"token": "first", "token": ""}', '{"token": ""}'),
        ('{"_ws": {"id": "1", "move": "signed"}}', f'{{"_ws": {{"id": "1", "move": "{MASK}"}}}}'),
        ("password=hunter2&a=b", f"password={MASK}&a=b"),
        ("Authorization: Bearer a b c", f"Authorization: {MASK}"),
        ("not JSON, but text", "not JSON, but text"),
        ("{", "{"),
        ("[" * 100_000, "[" * 100_000),
        ("", ""),
    ],
)
def test_texts_are_masked_by_the_names_in_them(text: str, shown: str) -> None:
    assert Masker().text(text) == shown


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Cookie", "a=1; b=2", f"a={MASK}; b={MASK}"),
        ("cookie", "all-of-it", MASK),
        ("Authorization", "Bearer x", MASK),
        ("X-Websocket-Gateway-Secret", "x", MASK),
        ("x-csrftoken", "x", MASK),
        ("X-Amz-Security-Token", "x", MASK),
        ("Sec-WebSocket-Protocol", f"v2, {'x' * 33}", f"v2, {MASK}"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZQ==", "dGhlIHNhbXBsZQ=="),
        ("X-Author", "bob", "bob"),
        ("Origin", "http://127.0.0.1", "http://127.0.0.1"),
    ],
)
def test_headers_are_masked_by_their_names(name: str, value: str, shown: str) -> None:
    assert Masker().header(name, value) == shown


def test_short_values_are_masked_under_their_names_only() -> None:
    masker = Masker()
    masker.learn_headers([("Cookie", "theme=dark")])
    assert masker.header("Cookie", "theme=dark") == f"theme={MASK}"
    assert masker.text("a dark room") == "a dark room"


@pytest.mark.parametrize(
    "frame",
    [
        "a" * 131_072,
        "-" * 131_072,
        "x-cookie" * 16_384,
        '\\"' * 65_536,
        "token%3D" * 16_384,
    ],
    ids=["word", "hyphens", "cookies", "escaped quotes", "escapes"],
)
def test_a_frame_of_128_kb_is_masked_in_linear_time(frame):
    began = time.process_time()
    Masker().text(frame)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "frame", ["x" * 131_072, "0123456789abcdef" * 8_192, "\u00e4z" * 65_536], ids=["x", "hex", "other"]
)
def test_thousands_of_secrets_do_not_slow_down_a_frame(frame):
    """Anyone who can connect can fill the memory of secrets with a few cookies."""
    masker = Masker()
    masker.learn(hashlib.sha256(str(number).encode()).hexdigest()[:12] for number in range(4_000))
    masker.learn(["first-secret", "first-secrets", "\x00\n(?:["])
    masker.text("")  # compiles the expression
    began = time.process_time()
    shown = masker.text(frame + "first-secrets first-secret \x00\n(?:[")
    assert time.process_time() - began < 1
    assert shown == f"{frame}{MASK} {MASK} {MASK}"


@pytest.mark.parametrize("depth", [300, 500, 900, 5_000])
@pytest.mark.parametrize("parts", [("[", "]"), ('{"a":', "}"), ('[{"token":"hunter22","b":', "}]")])
def test_json_of_any_depth_can_be_shown(parts, depth):
    opening, closing = parts
    shown = Masker().text(opening * depth + "1" + closing * depth)
    assert shown.startswith(opening[0])
    assert "hunter22" not in shown
