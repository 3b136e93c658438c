"""Show an event as a curl command. Its secrets are already masked, so you have to fill them in."""

from __future__ import annotations

import shlex
from typing import Any
from urllib.parse import quote


def curl_of(event: dict[str, Any], gateway_url: str, stage_path: str) -> str:
    """Return a command that repeats the event, or an empty string if there is none.

    ``event`` is in the form of the page. ``stage_path`` is ``/API_ID/STAGE`` of its connection.
    """
    if event["kind"] == "call":
        return _command(event["method"], event["url"], event["headers"], event["text"])
    if event["kind"] in ("push", "reply", "error"):
        connection = quote(event["connection"], safe="")
        return _command("POST", f"{gateway_url}{stage_path}/@connections/{connection}", [], event["text"])
    if event["kind"] == "handshake":
        query = f"?{event['query']}" if event["query"] else ""
        return _command("GET", f"{gateway_url}{event['path']}{query}", event["headers"], "", "--http1.1", "-i", "-N")
    return ""


def _command(method: str, url: str, headers: list[list[str]], body: str, *options: str) -> str:
    # Without --globoff, curl would expand brackets in the client's query to several URLs.
    parts = ["curl", "--globoff", *options, "-X", method, _quoted(url)]
    for name, value in headers:
        if name.lower() not in ("host", "content-length"):
            parts += ["-H", _quoted(f"{name}: {value}")]
    if body:
        parts += ["--data-raw", _quoted(body)]
    return " ".join(parts)


def _quoted(text: str) -> str:
    """Quote ``text`` for a shell. Escape control characters, because a pasted one could run the command too early."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(char if char.isprintable() and char not in "'\\" else _escaped(char) for char in text) + "'"


def _escaped(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "replace"))
