"""Sphinx settings. `make docs` treats each warning as an error."""

from __future__ import annotations

import re
from pathlib import Path

project = "django-aws-api-gateway-websockets"
author = "the contributors"
_pyproject = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8")
release = version = re.findall(r'^version = "(.+)"$', _pyproject, re.MULTILINE)[0]

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

html_theme = "furo"
html_title = project
# A prompt is for reading, not for copying.
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
