"""The code in the documentation is in files that tests run, and the pages repeat these files word for word.

GitHub shows the pages too, and it does not show includes. So the line above a block names its file:
`<!-- docs/examples/x.py -->`, or a part of it, `<!-- docs/examples/x.py, from line 3 -->` or `…, lines 3-9 -->`.
`python tools/show_examples.py` copies the files into the pages.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
README = ROOT / "README.md"
FENCE = re.compile(r"\s*(`{3,}|~{3,}|:{3,})\s*(.*?)\s*")
MARK = re.compile(r"<!-- ([^\s,]+)(?:, from line (\d+)|, lines (\d+)-(\d+))? -->")
#: A test must run blocks in these languages.
CODE = {"python", "py", "html", "html+django", "javascript", "js"}
TOCTREE = re.compile(r"^(`{3,}|:{3,})\{toctree\}\n(.*?)^\1", re.MULTILINE | re.DOTALL)
#: Only Sphinx shows the changelog's page and the entries of the reference. Everything else reads well on GitHub.
DIRECTIVES = {("index.md", "{toctree}"), ("changelog.md", "{include} ../CHANGELOG.md")}
DIRECTIVES |= {(path.name, "{eval-rst}") for path in (DOCS / "reference").glob("*.md")}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT if path == README else DOCS).as_posix()


def blocks(page: Path) -> tuple[list[tuple[str, str, str]], str]:
    """Each fenced block (the line before it, its info string, its text), and the page without the blocks."""
    found, prose, lines = [], [""], iter(page.read_text(encoding="utf-8").splitlines())
    for line in lines:
        fence = FENCE.fullmatch(line)
        if fence:
            inside = iter(lines.__next__, line[: fence.end(1)])
            found.append((prose[-1], fence[2], "".join(f"{text}\n" for text in inside)))
        prose.append("" if fence else line)
    return found, "\n".join(prose)


def shown(mark: str) -> str:
    """The text that a block under this mark must have."""
    match = MARK.fullmatch(mark)
    assert match, f"{mark} must be one of: <!-- FILE -->, <!-- FILE, from line N -->, <!-- FILE, lines N-M -->"
    path, start, first, last = match.groups()
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(lines[int(start or first or 1) - 1 : int(last) if last else None])


@pytest.mark.parametrize("page", [README, *PAGES], ids=name_of)
def test_code_on_a_page_is_that_of_its_file(page):
    for before, says, text in blocks(page)[0]:
        if before.startswith("<!--"):
            assert text == shown(before), f"{name_of(page)}: the code under {before} is not what the file has there"
        else:
            assert says.split(" ")[0] not in CODE, (
                f"{name_of(page)}: put the {says} code into docs/examples/, and name the file above"
            )


@pytest.mark.parametrize("page", [README, *PAGES], ids=name_of)
def test_pages_can_be_read_without_sphinx(page):
    found, prose = blocks(page)
    assert {(page.name, says) for _, says, _ in found if says.startswith("{")} <= DIRECTIVES
    assert re.findall(r"\[\]\(.*?\)", prose) == []  # Sphinx alone puts the title there.
    assert re.findall(r"\{[\w:]+\}`.*?`", prose) == []
    assert re.findall(r"^: .*", prose, re.MULTILINE) == []  # A definition list.


def test_every_page_is_in_a_toctree():
    listed = {"index"}
    for page in PAGES:
        for _, block in TOCTREE.findall(page.read_text(encoding="utf-8")):
            for line in filter(None, map(str.strip, block.splitlines())):
                if not line.startswith(":"):
                    target = line[line.index("<") + 1 : -1] if line.endswith(">") else line
                    listed.add((page.parent / target).resolve().relative_to(DOCS).as_posix())
    assert {name_of(page)[: -len(".md")] for page in PAGES} - listed == set()


def test_every_example_is_on_a_page():
    marks = [MARK.fullmatch(before) for page in [README, *PAGES] for before, _, _ in blocks(page)[0]]
    named = {match[1] for match in marks if match}
    examples = {
        path.relative_to(ROOT).as_posix()
        for path in EXAMPLES.rglob("*")
        if path.suffix in (".py", ".html", ".js") and path.stat().st_size  # an empty __init__.py shows nothing
    }
    assert examples - named == set()


@pytest.mark.parametrize("page", ["faults.md", "threats.md"])
def test_files_named_on_the_faults_and_threats_pages_exist(page):
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)`", (DOCS / page).read_text(encoding="utf-8")))
    assert named
    assert {name for name in named if not (DOCS.parent / "tests" / name).exists()} == set()


def test_tests_named_on_the_threats_page_exist():
    named = re.findall(r"`([a-z_/]+\.py)::(test_[a-z0-9_]+)`", (DOCS / "threats.md").read_text(encoding="utf-8"))
    assert len(named) >= 15
    missing = [
        (file, test)
        for file, test in named
        if f"def {test}(" not in (DOCS.parent / "tests" / file).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_examples_run():
    """Every name in them exists. Other tests check what the examples do."""
    for example in sorted(EXAMPLES.glob("*.py")):
        runpy.run_path(str(example))
