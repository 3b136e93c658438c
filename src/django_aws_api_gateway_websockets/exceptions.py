"""What can go wrong, in our own words: each message names the input and the remedy."""

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

    If a send to many raises one, ``report`` is its ``DeliveryReport`` so far.
    """

    report: Any = None


# --- In: an event is refused -------------------------------------------------------------------


class EventRefused(WebSocketsError):
    """An event that the view answers with ``status``; the text is the answer's ``message``."""

    status = 400


class NotFromGateway(EventRefused, SuspiciousOperation):
    """The request does not prove that it came from one of our gateways."""

    status = 403


class MissingHeaders(EventRefused):
    """Headers are absent that every request of a gateway carries."""


class UnknownConnection(EventRefused):
    """The connection id is unknown, closed, or belongs to another gateway or a user who may not act."""

    status = 403


class OriginRefused(EventRefused, SuspiciousOperation):
    """The page that opens the socket is none of this site's."""

    status = 403


class TokenRefused(EventRefused):
    """The handshake has no connect token where it needs one, or a bad one."""

    status = 403


class NotPermitted(EventRefused):
    """The user may not do this."""

    status = 403


class ChannelRefused(NotPermitted):
    """The user may not join this channel."""


class InvalidBody(EventRefused):
    """The body of a message is not what the route takes."""


class BodyTooLarge(EventRefused):
    """The body of a message is larger than API Gateway sends any."""

    status = 413


class RateLimited(EventRefused):
    """Too many events of one connection, user or address. ``retry_after``: seconds until the count begins anew."""

    status = 429

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SubprotocolNotOffered(EventRefused):
    """The view accepts a sub-protocol that the client did not offer."""


class NoHandler(EventRefused):
    """The view has no method for the route."""

    status = 404


class NoSessionInMessage(WebSocketsError):
    """A handler used ``request.session``, which a message does not have."""


# --- Out and control: AWS says no --------------------------------------------------------------


class GatewayNotCreated(WebSocketsError):
    """The row has no API in AWS yet, so there is nowhere to send to."""


class SendDuringConnect(WebSocketsError):
    """A message was sent to a connection whose ``$connect`` has not returned: AWS would answer 410."""


class MessageTooLarge(WebSocketsError, ValueError):
    """The message exceeds what API Gateway takes."""


class AwsError(WebSocketsError):
    """A call to AWS failed.

    ``operation`` says what was being done, such as "send to the connection L0SM9cOFvHcCIhw=". If AWS answered,
    ``status`` is the HTTP status, and ``code`` and ``said`` are the error's code and text in AWS's own words.
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
    """No credentials, or ones that AWS does not accept."""


class PermissionMissing(AwsError):
    """AWS refused the call with 403."""


class AwsUnreachable(AwsError):
    """AWS did not answer: a wrong endpoint, no network, or a timeout."""


class SendTimedOut(AwsUnreachable):
    """The answer did not come in time. AWS may have done what was asked, or not."""


class ConnectionGone(AwsError):
    """410: the client is no longer connected."""


class PayloadTooLarge(AwsError, MessageTooLarge):
    """413: AWS found the message too large."""


class Throttled(AwsError):
    """429: too many requests in the account, or a client that does not read fast enough."""


class NotFound(AwsError):
    """404: AWS does not know the resource."""


class Conflict(AwsError):
    """409: the resource exists already, or another change of it is under way."""


class InvalidGateway(WebSocketsError):
    """The row holds what AWS would refuse; ``problems`` has the texts by field."""

    def __init__(self, message: str, problems: Mapping[str, Sequence[str]]) -> None:
        super().__init__(message)
        self.problems = problems


class GatewayBusy(WebSocketsError):
    """Another process is changing the gateway in AWS right now."""
