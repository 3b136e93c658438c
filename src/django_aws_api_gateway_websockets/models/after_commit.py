"""Run functions after a commit. Their failures must not affect the caller, whose changes are already committed."""

from __future__ import annotations

import logging
from functools import wraps
from typing import Any, Callable, TypeVar

from django.db import OperationalError, connections, transaction

T = TypeVar("T")

logger = logging.getLogger("django_aws_api_gateway_websockets")

_ATTEMPTS = 5


def call_after_commit(using: str, function: Callable[..., object], *arguments: Any) -> None:
    """Call ``function`` when the transaction of the database ``using`` is committed. Log any exception.

    Django's ``robust=True`` fails if the function is a partial, because it logs the name of the function.
    """

    def call() -> None:
        try:
            function(*arguments)
        except Exception:
            logger.exception("%s failed after the commit", function.__name__)

    transaction.on_commit(call, using=using)


def repeated(function: Callable[..., T]) -> Callable[..., T]:
    """Run ``function`` in a transaction, and repeat it after a deadlock. Its first argument is the database.

    A database ends a deadlock by rolling back one of the transactions.
    """

    @wraps(function)
    def run(using: str, *arguments: Any) -> T:
        for _ in range(_ATTEMPTS - 1):
            try:
                with transaction.atomic(using=using):
                    return function(using, *arguments)
            except OperationalError:
                if connections[using].in_atomic_block:
                    raise  # The caller's transaction was rolled back too.
        with transaction.atomic(using=using):
            return function(using, *arguments)

    return run
