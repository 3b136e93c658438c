"""The package's exceptions. Each message names what failed and how to fix it."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from django.core.exceptions import SuspiciousOperation

__all__ = [
    "AwsError",
    "AwsUnreachable",
    "BodyTooLarge",
    "ChannelRefused",
    "Conflict",
    "ConnectionGone",
    "CredentialsError",
    "EventRefused",
    "GatewayBusy",
    "GatewayNotCreated",
    "InvalidBody",
    "InvalidGateway",
    "MessageTooLarge",
    "MissingHeaders",
    "NoHandler",
    "NoSessionInMessage",
    "NotFound",
    "NotFromGateway",
    "NotPermitted",
    "OriginRefused",
    "PayloadTooLarge",
    "PermissionMissing",
    "RateLimited",
    "SendDuringConnect",
    "SendTimedOut",
    "SubprotocolNotOffered",
    "Throttled",
    "TokenRefused",
    "UnknownConnection",
    "WebSocketsError",
]


class WebSocketsError(Exception):
    """The base of every error that this package raises on purpose.

    If a send to many recipients fails, ``report`` is its ``DeliveryReport`` so far.
    """

    report: Any = None


# --- Incoming: an event is refused -----------------------------------------------------------------


class EventRefused(WebSocketsError):
    """An event that the view refuses with ``status``. The text becomes the ``message`` of the response."""

    status = 400


class NotFromGateway(EventRefused, SuspiciousOperation):
    """The request does not prove that it came from one of the site's gateways."""

    status = 403


class MissingHeaders(EventRefused):
    """Headers are missing that every request of a gateway carries."""


class UnknownConnection(EventRefused):
    """The connection id is unknown or closed, or belongs to another gateway or to a user who may not act."""

    status = 403


class OriginRefused(EventRefused, SuspiciousOperation):
    """The page that opens the socket does not belong to this site."""

    status = 403


class TokenRefused(EventRefused):
    """The view requires a connect token, and the handshake has none or an invalid one."""

    status = 403


class NotPermitted(EventRefused):
    """The user does not have permission."""

    status = 403


class ChannelRefused(NotPermitted):
    """The user may not join this channel."""


class InvalidBody(EventRefused):
    """The route does not accept the body of the message."""


class BodyTooLarge(EventRefused):
    """The body of a message is larger than any that API Gateway sends."""

    status = 413


class RateLimited(EventRefused):
    """One connection, user or address has sent too many events. Retry after ``retry_after`` seconds."""

    status = 429

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SubprotocolNotOffered(EventRefused):
    """The view accepts a subprotocol that the client did not offer."""


class NoHandler(EventRefused):
    """The view has no method for the route."""

    status = 404


class NoSessionInMessage(WebSocketsError):
    """A handler used ``request.session``, which is not available in a message."""


# --- Sending and provisioning: AWS refuses ---------------------------------------------------------


class GatewayNotCreated(WebSocketsError):
    """The gateway has no API in AWS yet, so it has no URL for sending."""


class SendDuringConnect(WebSocketsError):
    """The connection's ``$connect`` has not returned yet, so AWS would answer the message with 410."""


class MessageTooLarge(WebSocketsError, ValueError):
    """The message is larger than API Gateway accepts."""


class AwsError(WebSocketsError):
    """A call to AWS failed.

    ``operation`` describes what was being done, such as "send to the connection L0SM9cOFvHcCIhw=". If AWS answered,
    ``status`` is the HTTP status, ``code`` is AWS's error code, and ``said`` is AWS's error text.
    """

    def __init__(
        self, message: str, *, operation: str = "", status: int | None = None, code: str = "", said: str = ""
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.status = status
        self.code = code
        self.said = said


class CredentialsError(AwsError):
    """There are no credentials, or AWS does not accept them."""


class PermissionMissing(AwsError):
    """AWS refused the call with 403."""


class AwsUnreachable(AwsError):
    """AWS did not answer, because of a wrong endpoint, a network failure or a timeout."""


class SendTimedOut(AwsUnreachable):
    """The answer did not arrive in time. AWS may or may not have carried out the call."""


class ConnectionGone(AwsError):
    """410: the client is no longer connected."""


class PayloadTooLarge(AwsError, MessageTooLarge):
    """413: the message is too large for AWS."""


class Throttled(AwsError):
    """429: the account sends too many requests, or a client reads too slowly."""


class NotFound(AwsError):
    """404: the resource does not exist in AWS."""


class Conflict(AwsError):
    """409: the resource already exists, or another change of it is in progress."""


class InvalidGateway(WebSocketsError):
    """The row has values that AWS would refuse. ``problems`` has the texts by field."""

    def __init__(self, message: str, problems: Mapping[str, Sequence[str]]) -> None:
        super().__init__(message)
        self.problems = problems


class GatewayBusy(WebSocketsError):
    """Another process is changing the gateway in AWS right now."""
