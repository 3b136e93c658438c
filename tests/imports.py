"""Read the imports of a package from its source: what `tests/test_import_rules.py` compares with the layers."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Iterator, List, NamedTuple, Set

#: Functions whose first argument names a module, an object of one, or a model.
BY_NAME = ("import_module", "__import__", "import_string", "get_model")


class Import(NamedTuple):
    importer: str  #: dotted module name
    imported: str  #: dotted module name; a name inside a module counts as that module
    line: int
    at_start: bool  #: runs when the importer is imported: not in a function, a string or under TYPE_CHECKING

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
        base = self._absolute("." * node.level + (node.module or ""))
        for alias in node.names:
            submodule = f"{base}.{alias.name}"
            self._add(submodule if submodule in self.ours else base, node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        argument = node.args[0] if node.args else None
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            text = argument.value
            if name == "get_model" and text.partition(".")[0] == self.module.partition(".")[0]:
                self._add(f"{text.partition('.')[0]}.models", node, at_start=False)
            elif name in BY_NAME and self._named(text) is None:
                self._add(text, node)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        # A registry names what it imports later in a dict, far from the call that imports it.
        named = self._named(node.value) if isinstance(node.value, str) else None
        if named is not None:
            self._add(named, node, at_start=False)

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

    def _absolute(self, name: str) -> str:
        dots = len(name) - len(name.lstrip("."))
        if not dots:
            return name
        parents = self.package.split(".")[: -(dots - 1) or None]
        return ".".join([*parents, *filter(None, [name[dots:]])])

    def _named(self, text: str) -> str | None:
        """The module of ours that a string names, or whose member it names: never the whole package."""
        if not all(map(str.isidentifier, text.lstrip(".").split("."))):
            return None
        module = self._absolute(text)
        while module.count("."):
            if module in self.ours:
                return module
            module = module.rpartition(".")[0]
        return None

    def _add(self, imported: str, node: ast.AST, at_start: bool = True) -> None:
        self.found.append(Import(self.module, imported, getattr(node, "lineno", 0), at_start and not self._late))


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


def cycles(graph: dict[str, Set[str]]) -> Iterator[List[str]]:
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
