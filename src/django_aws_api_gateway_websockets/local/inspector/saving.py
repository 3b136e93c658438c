"""Save a recorded conversation as a test of the site that uses ``GatewayClient``.

The code is made from events in the form of the page, so secrets are already masked.
"""

from __future__ import annotations

import ast
import json
from typing import Any, Callable, Iterable
from urllib.parse import parse_qsl, urlsplit

from ..log_text import one_line
from .masking import MASK

_HEADER = '''"""Saved by the inspector of the local gateway."""

from __future__ import annotations

import json

from django.test import TestCase

from django_aws_api_gateway_websockets.testing import GatewayClient, HandshakeRefused


class SavedTests(TestCase):
    def test_saved_conversation(self):
'''
_INDENT = " " * 8


def test_of(events: Iterable[dict[str, Any]]) -> str:
    """Return a test module that repeats ``events`` in their order. They may belong to several connections."""
    found = list(events)
    writer = _Writer(found)
    for event in found:
        writer.add(event)
    body = writer.lines or ["pass  # No events of this connection remain."]
    text = _HEADER + "".join(f"{_INDENT}{line}\n" for line in body)
    return _without_unused_imports(text)


class _Writer:
    """Turns events into statements. Each connection becomes a variable."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.lines: list[str] = []
        self._connects = _connect_calls(events)
        self._handshakes = {event["connection"]: event for event in events if event["kind"] == "handshake"}
        self._refused = {event["connection"]: event for event in events if event["kind"] == "refused"}
        self._answers = _answers(events)
        self._names: dict[str, str] = {}
        self._writers: dict[str, Callable[[dict[str, Any]], None]] = {
            "handshake": self._handshake,
            "received": self._received,
            "reply": self._reply,
            "push": self._push,
            "closed": self._closed,
        }

    def add(self, event: dict[str, Any]) -> None:
        write = self._writers.get(event["kind"])
        if write is not None:
            write(event)

    def _handshake(self, event: dict[str, Any]) -> None:
        connection = event["connection"]
        call = self._connects.get(connection)
        if call is None:
            self._comment("This handshake did not reach the site.")
            return
        if any(name.lower() == "cookie" for name, _ in event["headers"]):
            self._comment("The browser sent cookies. If a user was logged in: client.force_login(user)")
        connect = f"client.connect({self._arguments(event, call)})"
        self.lines.append("client = GatewayClient()")
        refused = self._refused.get(connection)
        if refused is not None:
            status = call["status"] or refused["status"]
            self.lines += ["with self.assertRaises(HandshakeRefused) as caught:", f"    {connect}"]
            self.lines.append(f"self.assertEqual(caught.exception.status_code, {status})")
            return
        number = len(self._names) + 1
        self._names[connection] = name = f"socket{number}" if len(self._handshakes) > 1 else "socket"
        self.lines.append(f"{name} = {connect}")

    def _arguments(self, event: dict[str, Any], call: dict[str, Any]) -> str:
        arguments = [repr(_mount_of(call["url"]))]
        query = dict(parse_qsl(event["query"], keep_blank_values=True))
        hidden = [name for name, value in query.items() if MASK in value]
        channel = query.pop("channel", None)
        if channel is not None:
            arguments.append(f"channel={channel!r}")
        shown = {name: value for name, value in query.items() if name not in hidden}
        if shown:
            arguments.append(f"query={shown!r}")
        for name in hidden:
            self._comment(f"The handshake had the secret parameter {name}. Pass one of your own in query=.")
        return ", ".join(arguments + _origin_argument(event, call))

    def _received(self, event: dict[str, Any]) -> None:
        name = self._names.get(event["connection"])
        if name is None:
            return
        self._warn_if_masked(event["text"])
        answer = self._answers.get(event["n"])
        if answer is None:
            self.lines.append(f"{name}.send({event['text']!r})")
            return
        self.lines.append(f"response = {name}.send({event['text']!r})")
        self.lines.append(f"self.assertEqual(response.status_code, {answer['status']})")

    def _reply(self, event: dict[str, Any]) -> None:
        if event["connection"] in self._names and MASK not in event["text"]:
            self.lines.append(f"self.assertEqual(response.content.decode(), {event['text']!r})")

    def _push(self, event: dict[str, Any]) -> None:
        name = self._names.get(event["connection"])
        if name is None or event["status"] != 200:
            return
        if not self._caused(event):
            self._comment(f"A push that no message of this test caused: {event['text']}")
        elif MASK in event["text"]:
            self._comment("This push held a secret.")
            self.lines.append(f"{name}.receive()")
        else:
            self.lines.append(_expectation(name, event["text"]))

    def _caused(self, event: dict[str, Any]) -> bool:
        """Return whether a message of this test was being handled when the push came."""
        return any(number < event["n"] < answer["n"] for number, answer in self._answers.items())

    def _closed(self, event: dict[str, Any]) -> None:
        name = self._names.pop(event["connection"], None)
        if name is not None:
            self.lines.append(f"{name}.{'vanish' if 'cut' in event['reason'] else 'disconnect'}()")

    def _warn_if_masked(self, text: str) -> None:
        if MASK in text:
            self._comment("The inspector masked a secret in this message.")

    def _comment(self, text: str) -> None:
        self.lines.append(f"# {one_line(text, 100)}")


def _connect_calls(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {event["connection"]: event for event in events if event["kind"] == "call" and event["route"] == "$connect"}


def _answers(events: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return the answered call of each message, by the message's number."""
    waiting: list[dict[str, Any]] = []
    found: dict[int, dict[str, Any]] = {}
    for event in events:
        if event["kind"] == "received":
            waiting.append(event)
        elif event["kind"] == "call" and event["status"] is not None:
            message = next((one for one in waiting if _same_message(one, event)), None)
            if message is not None:
                waiting.remove(message)
                found[message["n"]] = event
    return found


def _same_message(message: dict[str, Any], call: dict[str, Any]) -> bool:
    keys = ("connection", "route", "text")
    return all(message[key] == call[key] for key in keys)


def _mount_of(url: str) -> str:
    """Return the path under which the view is mounted: the path of ``$connect``, without the route."""
    return urlsplit(url).path.rpartition("/")[0] + "/"


def _origin_argument(event: dict[str, Any], call: dict[str, Any]) -> list[str]:
    """Return the ``headers`` argument if the handshake did not come from a page of the site itself."""
    origin = next((value for name, value in event["headers"] if name.lower() == "origin"), None)
    target = urlsplit(call["url"])
    if origin is not None and _same_site(origin, f"{target.scheme}://{target.netloc}"):
        return []
    return [f"headers={ {'Origin': origin}!r}"]


def _same_site(origin: str, target: str) -> bool:
    """Return whether both URLs belong to the site. On a laptop, its host is ``localhost`` or ``127.0.0.1``."""
    return origin.replace("//localhost", "//127.0.0.1") == target.replace("//localhost", "//127.0.0.1")


def _expectation(name: str, text: str) -> str:
    try:
        value = json.loads(text)
        is_plain = text == json.dumps(value) and not isinstance(value, float)
        literal = repr(value)
        if is_plain:
            # Python's own parser gives up at a depth that a message can have.
            ast.parse(literal, mode="eval")
    except (ValueError, RecursionError, MemoryError, SyntaxError):
        return f"self.assertEqual({name}.receive(), {text!r})"
    if not is_plain:
        return f"self.assertEqual(json.loads({name}.receive()), json.loads({text!r}))"
    return f"self.assertEqual({name}.receive_json(), {literal})"


def _without_unused_imports(text: str) -> str:
    if "json.loads(" not in text:
        text = text.replace("import json\n\n", "")
    if "HandshakeRefused)" not in text:
        text = text.replace("GatewayClient, HandshakeRefused", "GatewayClient")
    return text
