"""Copy the files that documentation pages show into the pages: python tools/show_examples.py

A comment above a block names its file: see tests/test_docs.py, which checks the result.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"^(<!-- (?P<path>[^\s,]+)(?:, from line (?P<start>\d+)|, lines (?P<first>\d+)-(?P<last>\d+))? -->\n"
    r"(?P<fence>`{3,})[\w+]*\n).*?^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)


def filled(match: re.Match[str]) -> str:
    lines = (ROOT / match["path"]).read_text(encoding="utf-8").splitlines(keepends=True)
    first, last = match["start"] or match["first"] or 1, match["last"]
    return match[1] + "".join(lines[int(first) - 1 : int(last) if last else None]) + match["fence"]


if __name__ == "__main__":
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        old = page.read_text(encoding="utf-8")
        new = BLOCK.sub(filled, old)
        if new != old:
            page.write_text(new, encoding="utf-8")
            print(page.relative_to(ROOT))
