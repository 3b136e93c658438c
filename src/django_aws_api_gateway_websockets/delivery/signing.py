"""Signature version 4 for ``@connections``: what botocore computes, for many calls that differ only in the path.

The signing key changes once per day, and everything except the path once per second, so each call needs only three
hashes. Measured: 10 µs per call, compared with 35 µs for libcurl's own signer and 300 µs for botocore's. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from typing import Callable
from urllib.parse import quote, urlsplit

from ..aws import SigningIdentity
from .transport import Call

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "execute-api"
CONTENT_TYPE = "application/octet-stream"
#: Tables for bytes.translate(), which is much faster than a loop over the bytes of a key.
_INNER_PAD, _OUTER_PAD = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Signer:
    """Signs one call to the connections at one URL."""

    def __init__(self, call: Call, url: str, identity: SigningIdentity, clock: Callable[[], float] = time.time) -> None:
        self.identity = identity
        self._clock = clock
        self._method = call.method
        parts = urlsplit(url)
        default_port = _DEFAULT_PORTS.get(parts.scheme, "")
        host = parts.netloc[: -len(default_port)] if parts.netloc.endswith(default_port) else parts.netloc
        # AWS encodes the path once more: /@connections/ID%3D is signed as /%40connections/ID%253D.
        self._path = quote(f"{parts.path}/@connections/", safe="/~")
        self._digest = sha256(call.data).hexdigest()
        self._signed = {"content-type": CONTENT_TYPE, "host": host, "x-amz-date": ""}
        if identity.credentials.token:
            self._signed["x-amz-security-token"] = identity.credentials.token
        self._second, self._day = -1, ""

    def headers(self, encoded_id: str) -> list[str]:
        """Return the headers of the call to a connection. ``encoded_id`` is the id as the URL contains it."""
        second = int(self._clock())
        if second != self._second:
            self._begin(second)
        name = encoded_id.replace("%", "%25")
        # No local variable holds the request, because it contains the session token and error pages show locals.
        digest = sha256(f"{self._method}\n{self._path}{name}{self._rest}".encode()).hexdigest()
        return [*self._headers, self._authorization + self._hmac.hexdigest(digest.encode())]

    def _begin(self, second: int) -> None:
        """The values that all calls in this second share."""
        self._second = second
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        scope = f"{now[:8]}/{self.identity.region}/{_SERVICE}/aws4_request"
        if now[:8] != self._day:
            self._day = now[:8]
            self._key = f"AWS4{self.identity.credentials.secret_key}".encode()
            for part in scope.split("/"):
                self._key = hmac.digest(self._key, part.encode(), "sha256")
        self._signed["x-amz-date"] = now
        names = ";".join(self._signed)
        self._rest = "\n\n" + "".join(map("{0[0]}:{0[1]}\n".format, self._signed.items()))
        self._rest += f"\n{names}\n{self._digest}"
        self._hmac = _Hmac(self._key, f"{_ALGORITHM}\n{now}\n{scope}\n".encode())
        # libcurl writes the host.
        self._headers = [f"{name}: {value}" for name, value in self._signed.items() if name != "host"]
        self._authorization = (
            f"Authorization: {_ALGORITHM} Credential={self.identity.credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature="
        )


class _Hmac:
    """HMAC-SHA-256 of many texts that begin alike. Both of its hashes (RFC 2104) are computed once up to that point.

    Measured: 0.6 µs, compared with 1.7 µs for ``hmac.digest``.
    """

    def __init__(self, key: bytes, start: bytes) -> None:
        padded = key.ljust(64, b"\0")
        self._inner = sha256(padded.translate(_INNER_PAD) + start)
        self._outer = sha256(padded.translate(_OUTER_PAD))

    def hexdigest(self, end: bytes) -> str:
        """Return the HMAC of ``start`` and ``end``."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(end)
        outer.update(inner.digest())
        return outer.hexdigest()
