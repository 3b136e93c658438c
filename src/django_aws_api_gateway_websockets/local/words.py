"""What the log lines say: failures in plain words, and text from outside as one line that a terminal can show."""

from __future__ import annotations

import json
import os
import socket
import ssl
from typing import Any

import aiohttp

_MAX_CHARS = 200
# What OpenSSL's versions call an answer that is no TLS.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL")
_FAILURES = (
    (aiohttp.InvalidURL, "the URL names no host"),
    (aiohttp.ClientResponseError, "the answer is no HTTP: does the target need https://?"),
    (aiohttp.ServerDisconnectedError, "the connection was closed without an answer"),
)


def one_line(text: str, most: int = _MAX_CHARS) -> str:
    """The beginning of ``text``, ``most`` characters at most; what does not print is escaped."""
    cut = text[: most + 1]
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def answered(status: int, body: bytes) -> str:
    """The status and, for an error, the ``message`` of its JSON body: ``403: No such channel``."""
    if 300 <= status < 400:
        return f"{status}: a redirect, which is not followed"
    message = _message(body) if status >= 400 else None
    return f"{status}: {one_line(message)}" if isinstance(message, str) and message else str(status)


def _message(body: bytes) -> Any:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return data.get("message") if isinstance(data, dict) else None


def explained(error: Exception) -> str:
    """What kept a backend from answering, and what to do about it."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return one_line(_not_connected(error))
    found = (words for kind, words in _FAILURES if isinstance(error, kind))
    return next(found, one_line(str(error) or type(error).__name__))


def _not_connected(error: aiohttp.ClientConnectorError) -> str:
    place = f"[{error.host}]:{error.port}" if ":" in error.host else f"{error.host}:{error.port}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"this machine does not trust the certificate of {place}: {error.certificate_error}"
    cause = error.os_error
    if isinstance(cause, ssl.SSLError):
        no_tls = cause.reason in _NO_TLS
        return f"no TLS at {place}: write http:// in the target" if no_tls else f"no TLS with {place}: {cause}"
    if isinstance(cause, ConnectionRefusedError):
        return f"nothing listens at {place}: does the site run?"
    if isinstance(cause, socket.gaierror):
        return f"the name {error.host} was not found: is it right in the target?"
    return f"cannot connect to {place}: {os.strerror(cause.errno) if cause.errno else cause}"
