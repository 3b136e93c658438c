"""The scripts among the static files are those that js/src makes."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_bundles_are_built_from_the_sources():
    lines = (ROOT / "js" / "bundles.sha256").read_text().splitlines()
    built = dict(reversed(line.split("  ")) for line in lines)
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "js" / "src").iterdir()}
    static = {path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("static/*/*.js")}
    found = {path: hashlib.sha256((ROOT / path).read_bytes()).hexdigest() for path in sources | static}
    assert found == built, "js/src and the static files differ from the last build. Run `make js`."
