"""One libcurl easy handle: writes a call to ``@connections`` and reads its answer."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pycurl

from ..aws import from_answer, timed_out, unreachable
from ..conf import conf
from .signing import Signer
from .transport import Call, Outcome, Target

_is_plain = re.compile(r"[A-Za-z0-9_=-]*\Z").match  # Faster than quote() by a factor of ten.
_ERROR_TYPE = b"x-amzn-errortype:"
_WEB = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS


class Handle:
    """A libcurl easy handle, set up for one call at one URL. Only the path and its signature change."""

    def __init__(self) -> None:
        self.curl = pycurl.Curl()
        self.signer: Signer | None = None
        self.target = Target("", "")
        self._data = BytesIO()
        self._head: list[bytes] = []
        self._body: list[bytes] = []
        self.curl.setopt(pycurl.NOSIGNAL, 1)
        # list.append is called without a Python frame, so each line of an answer costs little.
        self.curl.setopt(pycurl.HEADERFUNCTION, self._head.append)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._body.append)
        # libcurl must speak only HTTP, whatever the row's URL says, and must not follow an answer anywhere else.
        self.curl.setopt(pycurl.PROTOCOLS, _WEB)
        self.curl.setopt(pycurl.REDIR_PROTOCOLS, _WEB)
        self.curl.setopt(pycurl.FOLLOWLOCATION, 0)
        self.curl.setopt(pycurl.PATH_AS_IS, 1)
        self.curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)

    def configure(self, call: Call, signer: Signer) -> None:
        """Set the options that all targets of a call at one URL share."""
        self.signer, self._call = signer, call
        curl, identity = self.curl, signer.identity
        if call.method == "POST":
            curl.unsetopt(pycurl.CUSTOMREQUEST)
            # Not POSTFIELDS: if a reused connection is cut, libcurl would send that data again by itself. It cannot
            # rewind a read function, so the engine decides about another try.
            self._data = BytesIO(call.data)
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDSIZE, len(call.data))
            curl.setopt(pycurl.READFUNCTION, self._data.read)
        else:
            curl.setopt(pycurl.HTTPGET, 1)
            curl.setopt(pycurl.CUSTOMREQUEST, call.method)
        # Over TLS, wait until the first connection shows whether the server speaks HTTP/2, and then share it.
        curl.setopt(pycurl.PIPEWAIT, int(identity.over_tls))
        curl.setopt(pycurl.CAINFO, identity.ca_bundle)
        # Set it even if empty, so that libcurl does not read the environment by its own rules.
        curl.setopt(pycurl.PROXY, identity.proxy)
        curl.setopt(pycurl.NOPROXY, "")
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(conf.SEND_CONNECT_TIMEOUT * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int((conf.SEND_CONNECT_TIMEOUT + conf.SEND_READ_TIMEOUT) * 1000))

    def start(self, target: Target) -> None:
        """Write the request for ``target``."""
        assert self.signer is not None  # noqa: S101  configure() set it
        self.target = target
        self._head.clear()
        if self._body:
            self._body.clear()
        self._data.seek(0)
        # boto3 writes "=" as %3D too.
        name = target.connection_id
        encoded = name.replace("=", "%3D") if _is_plain(name) else quote(name, safe="")
        self.curl.setopt(pycurl.URL, f"{target.url}/@connections/{encoded}")
        self.curl.setopt(pycurl.HTTPHEADER, self.signer.headers(encoded))

    def outcome(self) -> Outcome:
        """Read the answer."""
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        if 200 <= status < 300:
            return Outcome(self.target, None, self._answer()) if self._body else Outcome(self.target)
        return Outcome(self.target, from_answer(self._doing(), status, self._error_type(), b"".join(self._body)))

    def failure(self, number: int, text: str) -> Outcome:
        """Return why there is no answer: libcurl's error and its text."""
        if number == pycurl.E_OPERATION_TIMEDOUT and self.curl.getinfo(pycurl.REQUEST_SIZE) > 0:
            return Outcome(self.target, timed_out(self._doing()))
        # libcurl would have had to send the body a second time.
        was_cut = number == pycurl.E_SEND_FAIL_REWIND
        reason = "the connection was closed before an answer came" if was_cut else text
        return Outcome(self.target, unreachable(self._doing(), reason))

    def _answer(self) -> Any:
        try:
            return as_boto3(json.loads(b"".join(self._body)))
        except (ValueError, RecursionError):
            return {}

    def _error_type(self) -> str:
        for line in self._head:
            if line[: len(_ERROR_TYPE)].lower() == _ERROR_TYPE:
                return line[len(_ERROR_TYPE) :].decode("latin-1").strip()
        return ""

    def _doing(self) -> str:
        return self._call.describe(self.target)


def as_boto3(value: Any) -> Any:
    """Write the keys of a JSON answer as boto3 does: ``connectedAt`` becomes ``ConnectedAt``."""
    if not isinstance(value, dict):
        return value
    return {f"{key[:1].upper()}{key[1:]}": as_boto3(item) for key, item in value.items()}
