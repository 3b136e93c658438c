"""Sphinx settings. `make docs` stops at any warning."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import django
from django.conf import settings

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src")]

# The reference reads the models, and models need configured settings.
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django_aws_api_gateway_websockets",
    ],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from model_fields import add_fields  # noqa: E402  in this folder

project = "django-aws-api-gateway-websockets"
author = "the contributors"
_pyproject = (HERE.parent / "pyproject.toml").read_text(encoding="utf-8")
release = version = re.findall(r'^version = "(.+)"$', _pyproject, re.MULTILINE)[0]

extensions = ["myst_parser", "sphinx_copybutton", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# Signatures as they are written: `data: Mapping[str, Any]`, not the resolved names.
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = project
# A prompt is for reading, not for copying.
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True


def setup(app):
    app.connect("autodoc-process-docstring", add_fields)
