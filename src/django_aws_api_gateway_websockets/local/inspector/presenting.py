"""Convert recorded events to the form that the page and the JSON lines show, without secrets."""

from __future__ import annotations

import time
from typing import Any, Callable, Tuple
from urllib.parse import parse_qs

from ..site_answers import exception_of, summary_of
from .masking import Masker
from .recorder import Recorded

_Headers = Tuple[Tuple[str, str], ...]
#: How many characters of a body are shown. Frames are shown whole, because they have at most 128 KB.
_MAX_BODY_CHARS = 4_000


class Presenter:
    """Turns events into dicts for JSON. Texts, headers and URLs in them are masked."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._shapes: dict[str, Callable[..., dict[str, Any]]] = {
            "handshake": self._handshake,
            "refused": self._refused,
            "opened": lambda api_id, stage, user: {"api": api_id, "stage": stage, "user": masker.values(user)},
            "received": lambda text, route: {"text": masker.text(text), "route": masker.values(route or "")},
            "call": self._call,
            "reply": lambda text: {"text": masker.text(text)},
            "error": lambda text: {"text": masker.text(text)},
            "push": self._push,
            "closed": lambda code, reason: {"code": code, "reason": masker.values(reason)},
            "fault": lambda name: {"name": name},
        }

    def show(self, event: Recorded) -> dict[str, Any]:
        """Return ``event`` as the page shows it."""
        milliseconds = int(event.time * 1000) % 1000
        return {
            "n": event.number,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(event.time)) + f".{milliseconds:03d}Z",
            "kind": event.kind,
            "connection": event.connection_id,
            **self._shapes[event.kind](*event.details),
        }

    def _handshake(self, path: str, query: str, headers: _Headers, peer: str) -> dict[str, Any]:
        channel = parse_qs(query).get("channel", [""])[0]
        return {
            "path": self._masker.values(path),
            "query": self._masker.query(query),
            "channel": self._masker.values(channel),
            "headers": self._headers(headers),
            "peer": peer,
        }

    def _refused(self, status: int, body: bytes) -> dict[str, Any]:
        return {"status": status, "answer": self._body(body)}

    def _call(self, *details: Any) -> dict[str, Any]:
        route, _target, _timeout, method, url, headers, body, seconds, status, answer, failure = details
        return {
            "route": self._masker.values(route),
            "method": method,
            "url": self._masker.url(url),
            "headers": self._headers(headers),
            "text": self._masker.text(body.decode("utf-8", "replace")),
            "ms": round(seconds * 1000, 1),
            "status": status,
            **self._answer(status, answer, failure),
        }

    def _answer(self, status: int | None, body: bytes, failure: str) -> dict[str, Any]:
        if status is None:
            return {"answer": "", "summary": self._masker.text(failure)}
        # A debug page shows settings and variables of the site, so only its exception is shown.
        shown = "" if exception_of(status, body) else self._body(body)
        return {"answer": shown, "summary": self._masker.text(summary_of(status, body))}

    def _push(self, text: str, status: int, why: str) -> dict[str, Any]:
        return {"text": self._masker.text(text), "status": status, "summary": self._masker.values(why)}

    def _headers(self, headers: _Headers) -> list[list[str]]:
        return [[self._masker.values(name), self._masker.header(name, value)] for name, value in headers]

    def _body(self, body: bytes) -> str:
        """Mask first and cut afterwards, so that no secret is cut into an unknown string."""
        return self._masker.text(body.decode("utf-8", "replace"))[:_MAX_BODY_CHARS]
