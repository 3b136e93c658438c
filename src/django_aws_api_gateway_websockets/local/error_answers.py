"""Error answers in AWS's form: the code in ``x-amzn-ErrorType``, and the HTTP status.

Codes and statuses come from botocore's models of ``apigatewayv2`` and ``apigatewaymanagementapi``. Only
:class:`NotServed` and :class:`Misdirected` are the local gateway's own.
"""

from __future__ import annotations


class ApiError(Exception):
    """A refusal of a request. ``str(error)`` is the message of the answer."""

    code = "InternalServerErrorException"
    status = 500


class BadRequest(ApiError):
    code, status = "BadRequestException", 400


class Forbidden(ApiError):
    code, status = "ForbiddenException", 403


class NotFound(ApiError):
    code, status = "NotFoundException", 404


class Conflict(ApiError):
    code, status = "ConflictException", 409


class Gone(ApiError):
    code, status = "GoneException", 410


class PayloadTooLarge(ApiError):
    code, status = "PayloadTooLargeException", 413


class Misdirected(ApiError):
    """The request names a host that this gateway does not answer to."""

    code, status = "MisdirectedRequestException", 421


class LimitExceeded(ApiError):
    code, status = "LimitExceededException", 429


class NotServed(ApiError):
    """AWS's control plane has this operation, but the local gateway does not."""

    code, status = "NotImplementedException", 501
