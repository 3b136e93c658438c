"""The reference names what is public: what `__all__`, the settings, the checks and the commands have."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import load_command_class

from django_aws_api_gateway_websockets.conf import Conf

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGE = "django_aws_api_gateway_websockets"
SOURCE = ROOT / "src" / PACKAGE
CHECK = re.compile(r"websockets\.[EWI]\d{3}")
COMMANDS = sorted(path.stem for path in (SOURCE / "management" / "commands").glob("[!_]*.py"))

sys.path.insert(0, str(DOCS))
from model_fields import add_fields  # noqa: E402  found by the path above


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def entries() -> dict[str, set[str]]:
    """The names that the reference shows, for each module that it names."""
    found: dict[str, set[str]] = {}
    for path in sorted((DOCS / "reference").glob("*.md")):
        module = ""
        for kind, target in re.findall(r"^\.\. (\w+):: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            if kind in ("currentmodule", "automodule"):
                module = target.partition(".")[2]
                found.setdefault(module, set())
            if kind == "automodule":
                # Sphinx shows the documented names of `__all__`.
                found[module] |= set(importlib.import_module(target).__all__)
            elif kind != "currentmodule":
                found[module].add(target)
    return found


def test_the_reference_has_every_public_module():
    modules = {"views", "models", "delivery", "history", "testing", "signals", "exceptions", "presence"}
    assert set(entries()) == modules


@pytest.mark.parametrize("module", sorted(entries()))
def test_the_reference_has_what_all_names(module):
    public = set(importlib.import_module(f"{PACKAGE}.{module}").__all__)
    shown = entries()[module]
    assert shown == public


@pytest.mark.parametrize("module", ["exceptions", "signals"])
def test_all_names_everything_the_module_defines(module):
    imported = importlib.import_module(f"{PACKAGE}.{module}")
    defined = re.findall(r"^(?:class (\w+)|(\w+) = Signal)", (SOURCE / f"{module}.py").read_text(), re.MULTILINE)
    assert {one or other for one, other in defined} == set(imported.__all__)


@pytest.mark.parametrize("module", sorted(entries()))
def test_every_public_object_has_a_docstring(module):
    imported = importlib.import_module(f"{PACKAGE}.{module}")
    assert [name for name in entries()[module] if not (getattr(imported, name).__doc__ or "").strip()] == []


def test_settings_page_has_every_key_with_its_default():
    rows = re.findall(r"^\| `([A-Z_]+)` \| `(.+?)` \|", page("settings.md"), re.MULTILINE)
    options = {name: vars(Conf)[name].default for name in Conf.keys()}  # noqa: SIM118  a method of ours
    assert dict(rows) == {name: repr(default).replace("'", '"') for name, default in options.items()}


def test_checks_page_has_every_id():
    in_code = {found for path in SOURCE.rglob("*.py") for found in CHECK.findall(path.read_text(encoding="utf-8"))}
    listed = re.findall(r"^\| `(websockets\.[EWI]\d{3})` \|", page("checks.md"), re.MULTILINE)
    assert sorted(in_code) == sorted(listed)


def test_commands_page_has_every_command():
    assert sorted(re.findall(r"^## (\w+)$", page("reference/commands.md"), re.MULTILINE)) == COMMANDS


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "runLocalGateway"])
def test_commands_page_has_every_option(command):
    parser = load_command_class(PACKAGE, command).create_parser("manage.py", command)
    common = load_command_class("django.core", "check").create_parser("manage.py", "check")
    ours = set(parser._option_string_actions) - set(common._option_string_actions) - {"--skip-checks"}
    shared, *sections = re.split(r"^## ", page("reference/commands.md"), flags=re.MULTILINE)
    section = next(section for section in sections if section.split()[0] == command)
    assert {option for option in ours if option not in shared + section and option != "--noinput"} == set()


@pytest.mark.parametrize("option", ["--port", "--state"])
def test_local_gateway_options_are_on_its_page(option):
    assert option in page("local-gateway.md")


@pytest.mark.parametrize("model", list(apps.get_app_config(PACKAGE).get_models()), ids=lambda model: model.__name__)
def test_entry_of_a_model_lists_its_fields(model):
    lines = ["The docstring."]
    add_fields(None, "class", model.__name__, model, None, lines)
    text = "\n".join(lines)
    for field in model._meta.concrete_fields:
        assert field.auto_created or f"- ``{field.name}`` (" in text


def test_objects_that_are_no_models_get_no_fields():
    lines = ["The docstring."]
    add_fields(None, "class", "Conf", Conf, None, lines)
    assert lines == ["The docstring."]
