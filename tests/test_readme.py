"""README's links and install lines. tests/test_docs.py checks its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

# None of this depends on the versions of Python and Django.
pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
#: These files still have such a line. Delete a name here with the line.
DOCUMENTS = [
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.py")]
    if "_build" not in path.parts
]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_links_into_the_repository_lead_somewhere():
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_line_installs_the_package_from_an_index(path):
    """The index has a package of this name that is not this one."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.search(r"pip install\b.*django-aws-api-gateway-websockets", line)] == []
