"""From a recorded event to what the page and the JSON lines show, without secrets."""

from __future__ import annotations

import time
from typing import Any, Callable
from urllib.parse import parse_qs

from ..http_messages import Headers, Request, Response
from ..integrations import Call, Reply
from .answers import exception_of, summary_of
from .masking import Masker
from .recorder import Recorded

#: How many characters of a body are shown. Frames are shown whole: they are 128 KB at most.
_MAX_BODY_CHARS = 4_000


class Presenter:
    """Turns events into dicts for JSON. Texts, headers and URLs in them are masked."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._shapes: dict[str, Callable[..., dict[str, Any]]] = {
            "handshake": self._handshake,
            "refused": self._refused,
            "opened": lambda api_id, stage: {"api": api_id, "stage": stage},
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

    def _handshake(self, request: Request) -> dict[str, Any]:
        channel = parse_qs(request.query).get("channel", [""])[0]
        return {
            "path": self._masker.values(request.path),
            "query": self._masker.query(request.query),
            "channel": self._masker.values(channel),
            "headers": self._headers(request.headers),
            "peer": request.peer,
        }

    def _refused(self, answer: Response) -> dict[str, Any]:
        return {"status": answer.status, "answer": self._body(answer.body)}

    def _call(self, call: Call, seconds: float, reply: Reply | None, failure: str) -> dict[str, Any]:
        shown = {
            "route": self._masker.values(call.route_key),
            "method": call.outgoing.method,
            "url": self._masker.url(call.outgoing.url),
            "headers": self._headers(call.outgoing.headers),
            "text": self._masker.text(call.outgoing.body.decode("utf-8", "replace")),
            "ms": round(seconds * 1000, 1),
        }
        if reply is None:
            return {**shown, "status": None, "answer": "", "summary": self._masker.values(failure)}
        summary = self._masker.text(summary_of(reply.status, reply.body))
        # A debug page shows settings and variables of the site, so only its exception is told.
        debug_page = reply.status >= 500 and exception_of(reply.status, reply.body)
        return {
            **shown,
            "status": reply.status,
            "answer": "" if debug_page else self._body(reply.body),
            "summary": summary,
        }

    def _push(self, text: str, status: int, why: str) -> dict[str, Any]:
        return {"text": self._masker.text(text), "status": status, "summary": self._masker.values(why)}

    def _headers(self, headers: Headers) -> list[list[str]]:
        return [[self._masker.values(name), self._masker.header(name, value)] for name, value in headers]

    def _body(self, body: bytes) -> str:
        """Mask first and cut then, so that no secret is cut into something unknown."""
        return self._masker.text(body.decode("utf-8", "replace"))[:_MAX_BODY_CHARS]
