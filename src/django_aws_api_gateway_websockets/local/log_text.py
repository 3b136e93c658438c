"""The text of log lines: failures in plain words, and outside text escaped to one line."""

from __future__ import annotations

import json
import os
import socket
import ssl
from typing import Any

import aiohttp

_MAX_CHARS = 200
#: What an error without a message means, by its status and by a text in Django's own pages.
_ERROR_PAGES = (
    (400, b"Bad Request (400)", "Django refused the request. Is the host of the target in ALLOWED_HOSTS?"),
    (403, b"CSRF verification failed", "the site asks for a CSRF token, which a gateway does not have"),
    (404, b"", "the site found nothing at this URL. Is the target right?"),
    (500, b"Server Error (500)", "the log of the site shows the reason"),
)
# OpenSSL's names, by version, for an answer that is not TLS.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")
_FAILURES = (
    (aiohttp.InvalidURL, "the URL does not name a host"),
    (aiohttp.ClientResponseError, "the answer is not HTTP. Does the target need https://?"),
    (aiohttp.ServerDisconnectedError, "the site closed the connection without an answer"),
)


def one_line(text: str, most: int = _MAX_CHARS) -> str:
    """Return at most ``most`` characters of ``text``, with unprintable characters escaped."""
    cut = text[: most + 1]
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def describe_answer(status: int, body: bytes) -> str:
    """Return the status and, for an error, the ``message`` of its JSON body: ``403: No such channel``.

    An error without a message gets a hint, if its status and its page reveal the likely cause.
    """
    if 300 <= status < 400:
        return f"{status}: a redirect, which the gateway does not follow"
    message = _message(body) if status >= 400 else None
    reason = message if isinstance(message, str) and message else _hint(status, body)
    return f"{status}: {one_line(reason)}" if reason else str(status)


def _hint(status: int, body: bytes) -> str:
    return next((hint for code, text, hint in _ERROR_PAGES if code == status and text in body), "")


def _message(body: bytes) -> Any:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data.get("message") if isinstance(data, dict) else None


def describe_failure(error: Exception) -> str:
    """Return why a backend did not answer, and what to do about it."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return one_line(_describe_connect_error(error))
    known = (text for kind, text in _FAILURES if isinstance(error, kind))
    return next(known, one_line(str(error) or type(error).__name__))


def _describe_connect_error(error: aiohttp.ClientConnectorError) -> str:
    place = f"[{error.host}]:{error.port}" if ":" in error.host else f"{error.host}:{error.port}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"this machine does not trust the certificate of {place}: {error.certificate_error}"
    cause = error.os_error
    if isinstance(cause, ssl.SSLError):
        no_tls = cause.reason in _NO_TLS
        return (
            f"{place} does not speak TLS. Write http:// in the target" if no_tls else f"TLS to {place} failed: {cause}"
        )
    if isinstance(cause, ConnectionRefusedError):
        return f"nothing listens at {place}. Is the site running?"
    if isinstance(cause, socket.gaierror):
        return f"the host {error.host} was not found. Is the target right?"
    return f"cannot connect to {place}: {os.strerror(cause.errno) if cause.errno else cause}"
