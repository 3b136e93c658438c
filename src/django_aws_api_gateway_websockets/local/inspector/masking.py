"""Hide secrets in everything that the inspector shows, by the name of a header, parameter or key, and by value.

Once a value has been seen under a secret name, it is hidden wherever it appears. For example, the session cookie of a
handshake is also hidden in a message that repeats it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import OrderedDict
from typing import Any, Iterable
from urllib.parse import quote, quote_plus, unquote_plus

MASK = "•••"
#: A shorter value is hidden under its name, but not elsewhere, because values like "on" appear in too many places.
MIN_CHARS = 6
_MAX_SECRETS = 4_000
# Subprotocols of this length are usually tokens.
_MAX_SUBPROTOCOL = 32
_SECRET_NAME = re.compile(
    r"auth(?!or(?!iz))|cookie|token|secret|passw|passphrase|pwd|api[-_]?key|credential|signature|session[-_]?(id|key)"
    r"|csrf|\bmove\b",
    re.IGNORECASE,
)
# Each of these takes linear time, because anyone who can connect can send 128 KB of anything. A name is only tried from
# its beginning, and a quoted name has a maximum length.
_HEADER_LINE = re.compile(r"(?<![\w-])((?:[\w-]*authorization|[\w-]*cookie)\s*[:=]\s*)([^\r\n]+)", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"(?<![\w.%-])([\w.%-]+)(\s*[:=]\s*)([^\s&;,\"'<>{}\[\]]+)")
_JSON_STRING = re.compile(r'("(?:[^"\\]|\\.){0,128}")(\s*:\s*)("(?:[^"\\]|\\.)*")')


def is_secret_name(name: str) -> bool:
    """Return whether the value of a header, parameter or key with this name is hidden."""
    return _SECRET_NAME.search(unquote_plus(name)) is not None


class Masker:
    """Remembers the secret values that it has seen, and hides them."""

    def __init__(self) -> None:
        self._secrets: OrderedDict[str, None] = OrderedDict()
        self._pattern: re.Pattern[str] | None = None

    # -- learning -------------------------------------------------------------------------------------------

    def learn(self, values: Iterable[str]) -> None:
        """Hide these values from now on, in each form in which text may contain them."""
        for value in values:
            for form in _forms(value):
                if len(form) >= MIN_CHARS and form not in self._secrets:
                    self._secrets[form] = None
                    self._pattern = None
        while len(self._secrets) > _MAX_SECRETS:
            self._secrets.popitem(last=False)

    def learn_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        for name, value in headers:
            if is_secret_name(name):
                self.learn(_parts_of_header(value))

    def learn_query(self, query: str) -> None:
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            if is_secret_name(name):
                self.learn([value, unquote_plus(value)])

    # -- hiding ---------------------------------------------------------------------------------------------

    def values(self, text: str) -> str:
        """Return ``text`` without the secrets that are known by value."""
        if self._pattern is None:
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._pattern = re.compile(_any_of(longest_first) or r"(?!)")
        return self._pattern.sub(MASK, text)

    def header(self, name: str, value: str) -> str:
        lower = name.lower()
        if "cookie" in lower:
            return _cookie_names(value)
        if lower == "sec-websocket-protocol":
            parts = [part.strip() for part in value.split(",")]
            value = ", ".join(MASK if len(part) > _MAX_SUBPROTOCOL else part for part in parts)
        return MASK if is_secret_name(name) else self.values(value)

    def query(self, query: str) -> str:
        """Return a query string without the values of secret parameters."""
        return "&".join(self._pair(*pair.partition("=")) for pair in query.split("&"))

    def _pair(self, name: str, sign: str, value: str) -> str:
        return self.values(name) + sign + (MASK if value and is_secret_name(name) else self.values(value))

    def url(self, url: str) -> str:
        path, sign, query = url.partition("?")
        return self.values(path) + sign + self.query(query)

    def text(self, text: str) -> str:
        """Return a message or a body without secrets. JSON keeps its form unless a key in it is secret."""
        try:
            return self._json_text(text)
        except (ValueError, RecursionError):
            return self.values(_assignments(text))

    def _json_text(self, text: str) -> str:
        data = json.loads(text)
        if isinstance(data, str):
            return json.dumps(self.text(data), ensure_ascii=False)
        masked = self._json(data)
        # If a key appears twice, the parser keeps the last value, but the text has both.
        hidden = masked != data or any(is_secret_name(match[1]) for match in _JSON_STRING.finditer(text))
        return json.dumps(masked, ensure_ascii=False) if hidden else self.values(text)

    def _json(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                self.values(key): MASK if item and item is not True and is_secret_name(key) else self._json(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._json(item) for item in value]
        return self.values(value) if isinstance(value, str) else value


def _any_of(texts: Iterable[str], grouped: int = 2) -> str:
    """Return an expression for ``texts``, grouped by their first characters.

    At each character of a frame, Python tries the alternatives of a plain list one by one. With thousands of secrets, a
    frame of 128 KB would take seconds.
    """
    if not grouped:
        return "|".join(map(re.escape, texts))
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(text[0], []).append(text[1:])
    return "|".join(f"{re.escape(first)}(?:{_any_of(rest, grouped - 1)})" for first, rest in groups.items())


def _forms(value: str) -> list[str]:
    return [value, quote(value), quote(value, safe=""), quote_plus(value), *_json_forms(value)]


def _json_forms(value: str) -> list[str]:
    return [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]


def _parts_of_header(value: str) -> list[str]:
    """Return the secrets in a header: the value, each value of its cookies, and credentials without their scheme."""
    found = [value, *value.split(" ")]
    for part in value.split(";"):
        name, _, cookie = part.strip().partition("=")
        found += [cookie.strip('"') or name, part.strip()]
    scheme, _, credentials = value.partition(" ")
    if scheme.lower() == "basic":
        found += _basic_password(credentials)
    return [part for part in found if part]


def _basic_password(credentials: str) -> list[str]:
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return []
    return [decoded, decoded.partition(":")[2]]


def _cookie_names(value: str) -> str:
    """Return a Cookie header with its names only. A cookie without a name consists of its value."""
    pairs = (part.strip().partition("=") for part in value.split(";") if part.strip())
    return "; ".join(f"{name}={MASK}" if sign else MASK for name, sign, _ in pairs)


def _assignments(text: str) -> str:
    """Hide the text after a secret name if it is not JSON: ``token=…``, ``Authorization: …``, ``"token": "…"``."""
    text = _HEADER_LINE.sub(lambda match: match[1] + MASK, text)
    text = _JSON_STRING.sub(
        lambda match: f'{match[1]}{match[2]}"{MASK}"' if is_secret_name(match[1]) else match[0], text
    )
    return _ASSIGNMENT.sub(lambda match: f"{match[1]}{match[2]}{MASK}" if is_secret_name(match[1]) else match[0], text)
