"""Work that follows a commit. It must not undo, delay or break what was committed."""

from __future__ import annotations

import logging
from functools import wraps
from typing import Any, Callable, TypeVar

from django.db import OperationalError, connections, transaction

T = TypeVar("T")

logger = logging.getLogger("django_aws_api_gateway_websockets")

_ATTEMPTS = 5


def call_after_commit(using: str, function: Callable[..., object], *arguments: Any) -> None:
    """Call ``function`` when the transaction of the database ``using`` is committed. Log what it raises.

    Django's own ``robust=True`` cannot log the failure of a partial.
    """

    def call() -> None:
        try:
            function(*arguments)
        except Exception:
            logger.exception("%s failed after the commit", function.__name__)

    transaction.on_commit(call, using=using)


def repeated(function: Callable[..., T]) -> Callable[..., T]:
    """Run ``function`` again after a deadlock. Its first argument is the database, and it is one transaction.

    Databases end a deadlock by rolling back one of the transactions.
    """

    @wraps(function)
    def run(using: str, *arguments: Any) -> T:
        for _ in range(_ATTEMPTS - 1):
            try:
                with transaction.atomic(using=using):
                    return function(using, *arguments)
            except OperationalError:
                if connections[using].in_atomic_block:
                    raise  # The caller's transaction is lost too.
        with transaction.atomic(using=using):
            return function(using, *arguments)

    return run
