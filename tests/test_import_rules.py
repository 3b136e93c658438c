"""Which part of the package may import which. `docs/design.md` draws the layers and gives the reasons."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Set, Tuple

import pytest
from django.core.management import call_command

from .imports import Import, cycles, read_package

pytestmark = pytest.mark.once

PACKAGE = "django_aws_api_gateway_websockets"
SOURCE = Path(__file__).resolve().parent.parent / "src"

#: From the ground up. A part imports only from layers below its own: not from its neighbours, not from above,
#: and neither late, nor for type hints, nor by a string that names a module.
LAYERS = (
    ("protocol", "answers", "conf", "exceptions", "signals"),
    ("registry", "properties"),
    ("definition",),
    ("aws",),
    ("security",),
    ("fields", "events"),
    ("delivery",),
    ("models",),
    ("adoption", "presence", "history"),
    ("background",),
    ("logins", "provisioning"),
    ("views",),
    ("local",),
    ("checks", "doctor"),
    ("admin", "management", "templatetags", "testing"),
    ("pytest_plugin",),
    # Django and Celery enter by these.
    ("apps", "tasks", "migrations"),
)
#: These parts may import less than their layer allows.
STAND_ALONE: Dict[str, Set[str]] = {
    "protocol": set(),
    "answers": set(),
    "properties": {"protocol"},
    "definition": {"properties", "protocol"},
    "delivery": {"protocol", "conf", "exceptions", "registry", "aws"},
    "local": {"protocol", "answers"},
}
#: Only these parts may import the local gateway, which production does not install.
MAY_IMPORT_LOCAL = {"management", "testing"}

#: Upward imports that stay, each late or by name: (module, part that it imports).
PERMITTED = {
    # The contract's methods create_gateway() and create_custom_domain(), and plan().
    ("models.gateways", "provisioning"),
    # Saving a route deploys it.
    ("models.additional_routes", "provisioning"),
    # `enqueue_message` finds its task engine by a dotted name, because a setting chooses it.
    ("models.engines", "background"),
}

#: Libraries that only these parts may import. `local` reads AWS's service model, which botocore ships.
DOORS = {
    "boto3": {"aws", "delivery"},
    "botocore": {"aws", "delivery", "local"},
    "pycurl": {"delivery"},
    "aiohttp": {"local"},
    "h11": {"local"},
    "wsproto": {"local"},
}
STDLIB_ONLY = ("protocol", "answers", "properties", "definition")
#: Slow to import, or not installed at all, in a site that only starts up.
NOT_AT_START = ("boto3", "botocore", "pycurl", "aiohttp", "h11", "wsproto")

IMPORTS = read_package(SOURCE, PACKAGE)


def part_of(module: str) -> str:
    """The first name below the package: `delivery` for every module in it, "" for the package itself."""
    names = module.split(".")
    return names[1] if len(names) > 1 else ""


def is_ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def listed(imports: List[Import]) -> str:
    return "\n".join(map(str, imports))


def arrow(found: Import) -> Tuple[str, str]:
    return found.importer.partition(".")[2], part_of(found.imported)


def forbidden_arrows(imports: List[Import]) -> List[Import]:
    """The imports within the package that do not point downward. Permitted ones count when they run at start."""
    height = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    wrong = []
    for found in imports:
        importer, imported = part_of(found.importer), part_of(found.imported)
        if not is_ours(found.imported) or importer == imported:
            continue
        allowed = (
            height[imported] < height[importer]
            and imported in STAND_ALONE.get(importer, {imported})
            and (imported != "local" or importer in MAY_IMPORT_LOCAL)
        )
        if not allowed and (found.at_start or arrow(found) not in PERMITTED):
            wrong.append(found)
    return wrong


def test_every_part_has_a_layer():
    parts = {part_of(found.importer) for found in IMPORTS} - {""}
    assert parts - {part for layer in LAYERS for part in layer} == set()


def test_every_import_points_downward():
    wrong = forbidden_arrows(IMPORTS)
    assert not wrong, listed(wrong)


@pytest.mark.parametrize("named", sorted(PERMITTED))
def test_every_permitted_upward_import_exists(named):
    assert named in {arrow(found) for found in IMPORTS if is_ours(found.imported)}, (
        f"Delete {named}: the module does not import it any more."
    )


PLANTED = {
    "at the top": f"from {PACKAGE} import views\n",
    "relative": "from ..views import WebSocketView\n",
    "relative, of a submodule": "from ..views.view import WebSocketView\n",
    "in a function": "def f():\n    from ..views import WebSocketView\n",
    "in an async method": "class C:\n    async def f(self):\n        from .. import views\n",
    "for type hints": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..views import WebSocketView\n",
    "under typing.TYPE_CHECKING": "import typing\nif typing.TYPE_CHECKING:\n    from .. import views\n",
    "import_module": f"from importlib import import_module\ndef f():\n    return import_module('{PACKAGE}.views')\n",
    "import_module, relative": "import importlib\nimportlib.import_module('..views', __package__)\n",
    "import_string": f"import_string('{PACKAGE}.views.WebSocketView')\n",
    "in a registry": f"ENGINES = {{'one': '{PACKAGE}.views.view.handler_names'}}\n",
    "get_model": f"from django.apps import apps\ndef f():\n    return apps.get_model('{PACKAGE}.ApiGateway')\n",
    "get_model, two arguments": f"from django.apps import apps\napps.get_model('{PACKAGE}', 'ApiGateway')\n",
}


@pytest.mark.parametrize("kind", sorted(PLANTED))
@pytest.mark.parametrize("part", ["security", "delivery"])
def test_a_planted_upward_import_is_found(tmp_path, part, kind):
    for folder in (part, "views", "models"):
        (tmp_path / PACKAGE / folder).mkdir(parents=True)
        (tmp_path / PACKAGE / folder / "__init__.py").write_text("")
    (tmp_path / PACKAGE / "__init__.py").write_text("")
    (tmp_path / PACKAGE / "views" / "view.py").write_text("")
    assert forbidden_arrows(read_package(tmp_path, PACKAGE)) == []

    (tmp_path / PACKAGE / part / "planted.py").write_text(PLANTED[kind])

    (found,) = forbidden_arrows(read_package(tmp_path, PACKAGE))
    assert arrow(found) == (f"{part}.planted", "models" if kind.startswith("get_model") else "views")


@pytest.mark.parametrize(
    ("importer", "imported"),
    [("local", "conf"), ("definition", "conf"), ("logins", "provisioning"), ("models", "provisioning")],
)
def test_further_arrows_that_are_forbidden(importer, imported):
    """Into a part that stands alone, between neighbours, and a permitted one that would run at start."""
    module = "models.gateways" if importer == "models" else importer
    found = Import(f"{PACKAGE}.{module}", f"{PACKAGE}.{imported}", 1, at_start=True)
    assert forbidden_arrows([found]) == [found]


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


def test_the_local_gateway_does_not_need_django():
    wrong = [
        found
        for found in IMPORTS
        if part_of(found.importer) == "local" and found.imported.split(".")[0] in ("django", "asgiref")
    ]
    assert not wrong, listed(wrong)


@pytest.mark.parametrize("library", sorted(DOORS))
def test_only_its_door_imports_a_library(library):
    wrong = [
        found
        for found in IMPORTS
        if found.imported.split(".")[0] == library and part_of(found.importer) not in DOORS[library]
    ]
    assert not wrong, listed(wrong)


def test_modules_do_not_import_each_other_in_a_circle():
    """Among imports that run at start: the layers keep the others apart."""
    graph: Dict[str, Set[str]] = {}
    for found in IMPORTS:
        if found.at_start and is_ours(found.imported) and found.imported != found.importer:
            graph.setdefault(found.importer, set()).add(found.imported)
    assert [" -> ".join(cycle) for cycle in cycles(graph)] == []


def test_the_reader_sees_every_kind_of_import(tmp_path):
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
        "ONE, OTHER = 'thing.inner.a.name', 'no import'\n"
    )
    found = read_package(tmp_path, "thing")
    assert [(i.importer, i.imported, i.at_start) for i in found] == [
        ("thing.b", "typing", True),
        ("thing.b", "x", False),
        ("thing.b", "y", True),
        ("thing.b", "z", True),
        ("thing.b", "thing.inner.a", False),
        ("thing.b", "w", False),
        ("thing.b", "thing.inner.a", False),
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


def test_a_site_starts_without_the_slow_libraries():
    loaded = loaded_by(
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\nimport django; django.setup()"
    )
    assert f"{PACKAGE}.models" in loaded
    assert sorted(loaded & set(NOT_AT_START)) == []


@pytest.mark.django_db
def test_migrations_are_up_to_date():
    call_command("makemigrations", "--check", "--dry-run")


def test_the_drawing_has_every_layer():
    text = (SOURCE.parent / "docs" / "design.md").read_text(encoding="utf-8")
    drawing = text[text.index("```text") : text.index("```", text.index("```text") + 3)]
    rows = [set(line[:46].split()) for line in drawing.splitlines() if "──" not in line and "══" not in line]
    drawn = [row & {part for layer in LAYERS for part in layer} for row in rows]
    assert [row for row in reversed(drawn) if row and row != {"local"}] == [
        set(layer) for layer in LAYERS if layer != ("local",)
    ]
