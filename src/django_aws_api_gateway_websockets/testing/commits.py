"""``transaction.on_commit`` inside ``TestCase``, whose transaction is never committed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from django.db import connections


@contextmanager
def committed() -> Iterator[None]:
    """At the end of the block, run callbacks that wait for the commit, if only a test case's transactions are open.

    If you are in your own transaction, the callbacks wait for it, as they do on a site.
    """
    before = {one.alias: len(one.run_on_commit) for one in connections.all(initialized_only=True) if _in_test_case(one)}
    yield
    for alias, count in before.items():
        connection: Any = connections[alias]
        if not _in_test_case(connection):
            continue
        while len(connection.run_on_commit) > count:
            _, function, *_ = connection.run_on_commit.pop(count)
            function()


def _in_test_case(connection: Any) -> bool:
    blocks = getattr(connection, "atomic_blocks", [])
    return bool(blocks) and all(getattr(block, "_from_testcase", False) for block in blocks)
