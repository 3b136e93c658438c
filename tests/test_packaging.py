"""What the wheel and the sdist contain, and the requirement files of the matrix."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tools.matrix import CELLS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "django_aws_api_gateway_websockets"
SOURCE = ROOT / "src" / PACKAGE


def source_files() -> set[str]:
    found = SOURCE.rglob("*")
    return {
        path.relative_to(SOURCE).as_posix()
        for path in found
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=str(ROOT), check=True, capture_output=True)
    return folder


def test_wheel_contains_every_file_of_the_package(built):
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{PACKAGE}/{name}" for name in source_files()} - names == set()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {PACKAGE}


@pytest.mark.parametrize(
    "kind",
    ["py.typed", "migrations/0001*.py", "templates/**/*.html", "static/**/*.js", "static/**/*.css", "locale/**/*.mo"],
)
def test_package_has_files_of_every_kind(kind):
    assert list(SOURCE.glob(kind))


def test_wheel_names_licence_and_authors(built):
    (wheel,) = built.glob("*.whl")
    names = {name.rsplit("/", 1)[-1] for name in zipfile.ZipFile(wheel).namelist() if ".dist-info" in name}
    assert {"LICENSE", "AUTHORS", "METADATA"} <= names


def test_the_version_is_written_in_one_place(built):
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    (wheel,) = built.glob("*.whl")
    assert wheel.name.split("-")[1] == version
    texts = {path: path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    assert [str(path) for path, text in texts.items() if f'"{version}"' in text] == []
    # The changelog begins with it, and the npm package has its own, which follows.
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[1] == version
    assert json.loads((ROOT / "js" / "package.json").read_text(encoding="utf-8"))["version"] == version


def test_the_workflow_calls_only_the_script_of_this_repository():
    """A hook of pre-commit checks the file against its schema."""
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        steps = re.findall(r"^ +(?:- )?(run|uses): (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert [value for kind, value in steps if kind == "run"] == [".ci/run"]
        assert [value.partition("@")[0] for kind, value in steps if kind == "uses"] == ["actions/checkout"]


def test_sdist_contains_what_the_tests_need(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {f"src/{PACKAGE}/{name}" for name in source_files()} - names == set()
    needed = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "Makefile",
        ".ci/run",
        "tests/settings.py",
        "requirements/test.txt",
    }
    assert needed - names == set()
    assert not any(part in name for name in names for part in (".venv", "__pycache__", "db.sqlite3"))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_requirement_file_pins_its_django(cell):
    name = f"py{cell.python}-django{cell.django}".replace(".", "")
    lines = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith(f"django=={cell.django}.") or line == f"django=={cell.django}"]
    # The versions, and nothing about where they came from.
    assert [line for line in lines if line and not line.startswith("#") and "==" not in line] == []
    assert not any("://" in line for line in lines)
