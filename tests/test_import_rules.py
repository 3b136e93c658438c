"""Who may import whom. The rules keep three things true: the wire format and the API definition can be read without
Django, the local gateway is of use to projects without Django, and a web process pays for boto3 only when it sends.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Set

import pytest
from django.core.management import call_command

PACKAGE = "django_aws_api_gateway_websockets"
SOURCE = Path(__file__).resolve().parent.parent / "src"

#: Libraries that only these parts of ours may name. `local` reads AWS's service model, which botocore ships.
DOORS = {
    "boto3": {"aws", "delivery"},
    "botocore": {"aws", "delivery", "local"},
    "pycurl": {"delivery"},
    "aiohttp": {"local"},
    "h11": {"local"},
    "wsproto": {"local"},
}
#: What a part may import of our own package, where that is less than everything.
OURS_ALLOWED = {
    "protocol": set(),
    "properties": {"protocol"},
    "definition": {"properties", "protocol"},
    "local": {"protocol", "local"},
    "delivery": {"protocol", "conf", "exceptions", "registry", "aws", "delivery"},
}
#: Parts that serve a site must not need what only laptops and tests install.
OURS_FORBIDDEN = {part: {"local", "testing"} for part in ("views", "models", "delivery")}
#: Imported first by every process, so they may cost nothing.
STDLIB_ONLY = ("protocol", "properties", "definition")
#: Too dear, or not installed at all, where a site only starts up.
NOT_AT_START = ("boto3", "botocore", "pycurl", "aiohttp", "h11", "wsproto")


class Import(NamedTuple):
    importer: str  #: dotted module name
    imported: str  #: dotted module name; a name inside a module counts as that module
    line: int
    at_start: bool  #: runs when the importer is imported: not in a function, not under TYPE_CHECKING

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


class ImportReader(ast.NodeVisitor):
    def __init__(self, module: str, is_package: bool, ours: Set[str]) -> None:
        self.module, self.ours = module, ours
        self.package = module if is_package else module.rpartition(".")[0]
        self.found: List[Import] = []
        self._late = 0

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parents = self.package.split(".")[: -(node.level - 1) or None]
            base = ".".join([*parents, *filter(None, [base])])
        for alias in node.names:
            submodule = f"{base}.{alias.name}"
            self._add(submodule if submodule in self.ours else base, node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        argument = node.args[0] if node.args else None
        if name in ("import_module", "__import__") and isinstance(argument, ast.Constant):
            self._add(str(argument.value), node)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        checking = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
        if checking != "TYPE_CHECKING":
            self.generic_visit(node)
            return
        self._visit_late(node.body)
        for statement in node.orelse:
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_late(node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_late(node.body)

    def _visit_late(self, statements: List[ast.stmt]) -> None:
        self._late += 1
        for statement in statements:
            self.visit(statement)
        self._late -= 1

    def _add(self, imported: str, node: ast.AST) -> None:
        line = getattr(node, "lineno", 0)
        self.found.append(Import(self.module, imported, line, at_start=not self._late))


def read_package(source: Path, package: str) -> List[Import]:
    files = {}
    for path in sorted((source / package).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found: List[Import] = []
    for module, path in files.items():
        reader = ImportReader(module, path.name == "__init__.py", set(files))
        reader.visit(ast.parse(path.read_text(encoding="utf-8"), str(path)))
        found += reader.found
    return found


IMPORTS = read_package(SOURCE, PACKAGE)


def part_of(module: str) -> str:
    """The first name below the package: `delivery` for every module in it, "" for the package itself."""
    names = module.split(".")
    return names[1] if len(names) > 1 else ""


def is_ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def listed(imports: List[Import]) -> str:
    return "\n".join(map(str, imports))


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs Python 3.10: sys.stdlib_module_names")
def test_protocol_and_definition_use_the_standard_library_only():
    stdlib = set(getattr(sys, "stdlib_module_names", ()))
    wrong = [
        found
        for found in IMPORTS
        if part_of(found.importer) in STDLIB_ONLY
        and not is_ours(found.imported)
        and found.imported.split(".")[0] not in stdlib
    ]
    assert not wrong, listed(wrong)


@pytest.mark.parametrize("part", sorted(OURS_ALLOWED))
def test_parts_that_stand_alone(part):
    wrong = [
        found
        for found in IMPORTS
        if part_of(found.importer) == part
        and is_ours(found.imported)
        and part_of(found.imported) not in OURS_ALLOWED[part]
        and found.importer != f"{PACKAGE}.delivery.checks"
    ]
    assert not wrong, listed(wrong)


def test_the_local_gateway_knows_nothing_of_django():
    wrong = [
        found
        for found in IMPORTS
        if part_of(found.importer) == "local" and found.imported.split(".")[0] in ("django", "asgiref")
    ]
    assert not wrong, listed(wrong)


@pytest.mark.parametrize("part", sorted(OURS_FORBIDDEN))
def test_what_serves_a_site_needs_neither_local_nor_testing(part):
    wrong = [
        found
        for found in IMPORTS
        if part_of(found.importer) == part
        and is_ours(found.imported)
        and part_of(found.imported) in OURS_FORBIDDEN[part]
    ]
    assert not wrong, listed(wrong)


@pytest.mark.parametrize("library", sorted(DOORS))
def test_libraries_are_named_behind_their_door_only(library):
    wrong = [
        found
        for found in IMPORTS
        if found.imported.split(".")[0] == library and part_of(found.importer) not in DOORS[library]
    ]
    assert not wrong, listed(wrong)


def test_no_import_cycle():
    """Among imports that run at start: one inside a function is a choice, and breaks no import order."""
    graph: Dict[str, Set[str]] = {}
    for found in IMPORTS:
        if found.at_start and is_ours(found.imported) and found.imported != found.importer:
            graph.setdefault(found.importer, set()).add(found.imported)
    assert [" -> ".join(cycle) for cycle in cycles(graph)] == []


def cycles(graph: Dict[str, Set[str]]) -> Iterator[List[str]]:
    """One path for each cycle that a depth-first walk meets."""
    done: Set[str] = set()

    def walk(node: str, path: List[str]) -> Iterator[List[str]]:
        if node in path:
            yield [*path[path.index(node) :], node]
            return
        if node in done:
            return
        for following in sorted(graph.get(node, ())):
            yield from walk(following, [*path, node])
        done.add(node)

    for start in sorted(graph):
        yield from walk(start, [])


def test_the_reader_sees_every_kind_of_import(tmp_path):
    """The rules above are worth what this reader sees."""
    package = tmp_path / "thing"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "__init__.py").write_text("from .a import name\nfrom . import a\nfrom .. import b\n")
    (package / "inner" / "a.py").write_text("from ..b import name\nimport thing.b\n")
    (package / "b.py").write_text(
        "import typing\n"
        "if typing.TYPE_CHECKING:\n    import x\nelse:\n    import y\n"
        "class C:\n    import z\n"
        "def f():\n    from thing.inner import a\n    import_module('w')\n"
    )
    found = read_package(tmp_path, "thing")
    assert [(i.importer, i.imported, i.at_start) for i in found] == [
        ("thing.b", "typing", True),
        ("thing.b", "x", False),
        ("thing.b", "y", True),
        ("thing.b", "z", True),
        ("thing.b", "thing.inner.a", False),
        ("thing.b", "w", False),
        ("thing.inner", "thing.inner.a", True),
        ("thing.inner", "thing.inner.a", True),
        ("thing.inner", "thing.b", True),
        ("thing.inner.a", "thing.b", True),
        ("thing.inner.a", "thing.b", True),
    ]


def test_cycles_are_found():
    assert list(cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}})) == [["b", "c", "b"]]
    assert list(cycles({"a": {"b", "c"}, "b": {"c"}})) == []


def loaded_by(code: str) -> Set[str]:
    """The modules that `code` brings into a fresh interpreter."""
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before), sep='\\n')"
    root = SOURCE.parent
    path = f"import sys\nsys.path[:0] = {[str(root), str(SOURCE)]!r}\n"
    out = subprocess.run([sys.executable, "-c", path + script], stdout=subprocess.PIPE, check=True, cwd=str(root))
    return set(out.stdout.decode().split())


def test_importing_the_package_loads_nothing():
    assert loaded_by(f"import {PACKAGE}") == {PACKAGE}


def test_a_site_starts_without_the_dear_libraries():
    loaded = loaded_by(
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\nimport django; django.setup()"
    )
    assert f"{PACKAGE}.models" in loaded
    assert sorted(loaded & set(NOT_AT_START)) == []


@pytest.mark.django_db
def test_migrations_are_up_to_date():
    call_command("makemigrations", "--check", "--dry-run")
