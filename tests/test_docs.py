"""The documentation's code is code: it lies in docs/examples/, the pages include it, and it runs here."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
EXAMPLES = DOCS / "examples"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
LITERALINCLUDE = re.compile(r"^(?:`{3,}|:{3,})\{literalinclude\} (\S+)", re.MULTILINE)
TOCTREE = re.compile(r"^(`{3,}|:{3,})\{toctree\}\n(.*?)^\1", re.MULTILINE | re.DOTALL)
#: ```python, ```html and the like, and {code-block} python: text that nothing runs.
BARE_CODE = re.compile(
    r"^\s*(?:`{3,}|:{3,}|~{3,})\s*(?:\{code(?:-block)?\}\s*)?(python|py|html|html\+django|javascript|js)\s*$",
    re.MULTILINE,
)


def name_of(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_on_a_page_is_a_file(page):
    found = BARE_CODE.findall(page.read_text(encoding="utf-8"))
    assert not found, f"{name_of(page)}: put the {found[0]} code into docs/examples/ and literalinclude it"


def test_every_page_is_in_a_toctree():
    listed = {"index"}
    for page in PAGES:
        for _, block in TOCTREE.findall(page.read_text(encoding="utf-8")):
            for line in filter(None, map(str.strip, block.splitlines())):
                if not line.startswith(":"):
                    target = line[line.index("<") + 1 : -1] if line.endswith(">") else line
                    listed.add((page.parent / target).relative_to(DOCS).as_posix())
    assert {name_of(page)[: -len(".md")] for page in PAGES} - listed == set()


def test_every_example_is_on_a_page():
    included = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in LITERALINCLUDE.findall(page.read_text(encoding="utf-8"))
    }
    examples = {path for path in EXAMPLES.rglob("*") if path.suffix in (".py", ".html", ".js")}
    assert {name_of(path) for path in examples - included} == set()


def test_the_tests_that_show_what_is_claimed_are_there():
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", (DOCS / "faults.md").read_text(encoding="utf-8")))
    assert named
    assert {name for name in named if not (DOCS.parent / "tests" / name).exists()} == set()


def test_examples_run():
    """At least each name in them exists; what they do is tested beside the feature that they show."""
    for example in sorted(EXAMPLES.glob("*.py")):
        runpy.run_path(str(example))
