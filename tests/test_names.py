"""The names of tests. CONTRIBUTING.md asks for a behaviour in at most 60 characters."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

# None of this depends on the versions of Python and Django.
pytestmark = pytest.mark.once

TESTS = Path(__file__).resolve().parent
LONGEST = 60


def too_long(source: str) -> list[str]:
    """Return the names of the test functions in ``source`` that have more than 60 characters."""
    functions = (
        node.name for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    return [name for name in functions if name.startswith("test_") and len(name) > LONGEST]


@pytest.mark.parametrize("file", sorted(TESTS.rglob("test_*.py")), ids=lambda file: file.relative_to(TESTS).as_posix())
def test_names_of_tests_have_at_most_60_characters(file):
    assert too_long(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("define", ["def {}(): ...", "async def {}(): ...", "class TestX:\n    def {}(self): ..."])
def test_a_longer_name_is_found(define):
    longest = "test_" + "x" * 55
    assert too_long(define.format(longest)) == []
    assert too_long(define.format(longest + "x")) == [longest + "x"]
