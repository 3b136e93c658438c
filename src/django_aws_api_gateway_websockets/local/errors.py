"""AWS's errors: the code that ``x-amzn-ErrorType`` carries, and its HTTP status.

Names and statuses are those of botocore's ``apigatewayv2`` and ``apigatewaymanagementapi`` models.
"""

from __future__ import annotations


class ApiError(Exception):
    """A refusal as AWS words it; ``str(error)`` is the message of the answer."""

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


class LimitExceeded(ApiError):
    code, status = "LimitExceededException", 429


class NotServed(ApiError):
    """An operation that AWS has and the local gateway has not."""

    code, status = "NotImplementedException", 501
