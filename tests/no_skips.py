"""A pytest plugin for runs that have to prove something (`-p tests.no_skips`): a skipped test fails.

A skip that belongs to the version or the database under test is fine, because another cell of the matrix runs that
test; its reason then begins with `needs Python`, `needs Django`, `needs SQLite` and so on.
"""

from __future__ import annotations

import re
from typing import Any, Generator

import pytest

OF_THIS_CELL = re.compile(r"(Skipped: )?needs (Python|Django|SQLite|PostgreSQL|MariaDB)\b")


def _fail_if_skipped(report: Any) -> None:
    # An expected failure is reported as a skip too; it has run.
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not OF_THIS_CELL.match(reason):
        report.outcome = "failed"
        report.longrepr = f"skipped where every test has to run: {reason}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, None]:
    outcome = yield
    _fail_if_skipped(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, None]:
    outcome = yield
    _fail_if_skipped(outcome.get_result())
