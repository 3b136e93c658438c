"""The README's code is the code of docs/examples/, which other tests run."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MARKED = re.compile(r"<!-- (docs/examples/\S+) -->\n```\w*\n(.*?)```", re.DOTALL)
CODE = re.compile(r"(.*)\n```(?:python|html|javascript|js)\n")


def test_marked_code_is_that_file():
    marked = MARKED.findall(README)
    assert len(marked) >= 6
    for path, code in marked:
        assert code == (ROOT / path).read_text(encoding="utf-8"), f"README.md: the code marked {path} is not that file"


def test_no_code_is_unmarked():
    before = CODE.findall(README)
    assert before
    assert [line for line in before if not line.startswith("<!-- docs/examples/")] == []


def test_links_into_the_repository_lead_somewhere():
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
