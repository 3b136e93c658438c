"""AWS's failures as this package's exceptions.

The HTTP status decides, because the error's code depends on a header.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from http.client import responses
from traceback import walk_tb
from typing import Any, Iterator, Mapping, TypeVar

from .. import protocol
from ..exceptions import (
    AwsError,
    AwsUnreachable,
    Conflict,
    ConnectionGone,
    CredentialsError,
    NotFound,
    PayloadTooLarge,
    PermissionMissing,
    SendTimedOut,
    Throttled,
)

# AWS answers 403 both to a missing permission and to bad credentials. These codes mean bad credentials. Some clients
# drop the code, so the text is searched too.
_BAD_CREDENTIALS = re.compile(
    r"ExpiredToken|UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|InvalidSignature|SignatureDoesNotMatch"
    r"|IncompleteSignature|RequestExpired|security token included in the request|[Ss]ignature (expired|not yet current)"
    r"|request signature we calculated"
)
_CREDENTIALS = (CredentialsError, "Renew the login, or check the access key and this machine's clock.")

_BY_STATUS: Mapping[int, tuple[type[AwsError], str]] = {
    401: _CREDENTIALS,
    403: (
        PermissionMissing,
        "Check that the credentials allow this call (docs: IAM policy), and that the endpoint and the stage are right.",
    ),
    404: (
        NotFound,
        "It may have been deleted in AWS. Check the ids on the gateway's page. If you were sending, check the API "
        "endpoint there too.",
    ),
    409: (Conflict, "It already exists, or another change is in progress. Try again."),
    410: (ConnectionGone, "The client has disconnected, and its row is marked as closed."),
    413: (PayloadTooLarge, f"API Gateway accepts at most {protocol.MAX_MESSAGE_BYTES} bytes."),
    429: (Throttled, "The account's request limit is reached, or the client reads too slowly. Send again later."),
}
E = TypeVar("E", bound=BaseException)

# AWS appends this if a signature does not match. The signed headers and the session token follow.
_CANONICAL_REQUEST = "The Canonical String for this request"
# The longest part of an answer that a message quotes, in characters.
_LONGEST = 500


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Convert botocore's errors into this package's. ``operation`` completes "Could not …"."""
    from botocore import exceptions as botocore_errors

    try:
        yield
    except Exception as error:
        known = isinstance(error, (botocore_errors.BotoCoreError, botocore_errors.ClientError))
        if not known and not _is_from_parser(error):
            raise
        # "from None", because botocore's frames hold request bodies and signed headers, and an error page would show
        # them. Tools that follow suppressed errors too need without_frames().
        raise (_translation(operation, error) if known else _unreadable(operation)) from None


def without_frames(error: E) -> E:
    """Return ``error`` without its traceback and the errors before it, whose frames may hold secrets."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _is_from_parser(error: Exception) -> bool:
    """Return whether botocore failed to read an answer.

    botocore raises various Python exceptions for a JSON list, deep JSON, a list as a code, and text that is not UTF-8.
    """
    modules = {frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__)}
    return not modules.isdisjoint({"botocore.parsers", "botocore.model"})


def _translation(operation: str, error: Any) -> AwsError:
    from botocore import exceptions as botocore_errors

    if isinstance(error, botocore_errors.ClientError):
        return from_client_error(operation, error)
    if isinstance(error, botocore_errors.ReadTimeoutError):
        return timed_out(operation)
    if type(error) is botocore_errors.HTTPClientError:
        return _unsent(operation, error)
    if isinstance(error, (botocore_errors.HTTPClientError, botocore_errors.ConnectionError)):
        return unreachable(operation, str(error))
    kind, problem = _without_a_call(error)
    return kind(f"Could not {operation}: {problem}", operation=operation)


def _without_a_call(error: Any) -> tuple[type[AwsError], str]:
    """Return the class and the text for an error outside of a call: missing credentials, or an unreadable answer."""
    from botocore import exceptions as botocore_errors

    if isinstance(error, (botocore_errors.NoCredentialsError, botocore_errors.PartialCredentialsError)):
        remedy = (
            "Set AWS_IAM_PROFILE, or AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or give the process an IAM role."
        )
        return CredentialsError, f"{error} {remedy}"
    unusable = (
        botocore_errors.ProfileNotFound,
        botocore_errors.TokenRetrievalError,
        botocore_errors.SSOError,
        botocore_errors.CredentialRetrievalError,
    )
    if isinstance(error, unusable):
        return CredentialsError, str(error)
    if isinstance(error, botocore_errors.NoRegionError):
        return AwsError, (
            "no region is set. Set AWS_GATEWAY_REGION_NAME or AWS_REGION_NAME. For a local gateway, mark the row as "
            "local: createApiGateway --local."
        )
    return AwsError, str(error)


def _unsent(operation: str, error: Any) -> AwsError:
    """Return the error for an exception inside the HTTP client.

    Its text is not shown, because it may quote a signed header.
    """
    cause = error.kwargs.get("error")
    if isinstance(cause, ValueError):
        return not_for_a_header(operation)
    return unreachable(operation, f"the HTTP client raised {type(cause).__name__}")


def not_for_a_header(operation: str) -> CredentialsError:
    """Return the error for credentials with a line break. A line break would end the header."""
    return CredentialsError(
        f"Could not {operation}: the credentials contain a line break. Remove it from the access key or the session "
        "token.",
        operation=operation,
    )


def from_client_error(operation: str, error: Any) -> AwsError:
    """Return the error for botocore's ``ClientError``."""
    detail = error.response.get("Error", {})
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return from_status(operation, status, str(detail.get("Code") or ""), str(detail.get("Message") or ""))


def from_answer(operation: str, status: int, error_type: str, body: bytes) -> AwsError:
    """Return the error for an answer that boto3 did not read, with the code and the text that boto3 would find in it.

    ``error_type`` is the header ``x-amzn-ErrorType``.
    """
    if status >= 500 and (not body.strip() or body.strip().startswith(b"<html>")):
        return from_status(operation, status, str(status), responses.get(status, ""))
    text = body.decode("utf-8", "replace")
    try:
        said = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        said = {"message": text}
    code = str(error_type or said.get("code", said.get("Code")) or said.get("__type") or status)
    message = str(said.get("message", said.get("Message")) or "")
    return from_status(operation, status, code.split(":", 1)[0].rsplit("#", 1)[-1], message)


def from_status(operation: str, status: int, code: str = "", message: str = "") -> AwsError:
    """Return the error for an answer with the HTTP status ``status``."""
    kind, remedy = _BY_STATUS.get(status, (AwsError, ""))
    if status in (400, 403) and _BAD_CREDENTIALS.search(f"{code} {message}"):
        kind, remedy = _CREDENTIALS
    message = message.split(_CANONICAL_REQUEST)[0].strip()[:_LONGEST]
    if message.startswith("<"):
        message = (
            "a page of HTML, which API Gateway never sends. Check the endpoint, because it belongs to another server"
        )
    answer = (f"{status} {code}" if code != str(status) else code) + f": {message or 'no message'}"
    text = f"Could not {operation}: AWS answered {answer}. {remedy}".rstrip()
    return kind(text, operation=operation, status=status, code=code, said=message)


def unreachable(operation: str, reason: str) -> AwsUnreachable:
    """Return the error for a call that did not reach AWS."""
    return AwsUnreachable(
        f"Could not {operation}: {reason.rstrip('.')}. Check the endpoint and the network. For a local gateway, check "
        "that runLocalGateway is running.",
        operation=operation,
    )


def _unreadable(operation: str) -> AwsError:
    """Return the error for an answer that API Gateway never sends."""
    return AwsError(
        f"Could not {operation}: the answer cannot be read. Check the endpoint, because it belongs to another server.",
        operation=operation,
    )


def timed_out(operation: str) -> SendTimedOut:
    """Return the error for an answer that did not arrive in time."""
    return SendTimedOut(
        f"Could not {operation}: AWS did not answer in time. It may have carried out the call anyway.",
        operation=operation,
    )
