"""Write the requirement files: for each supported pair of Python and Django, every package of the tests, pinned.

    pip install pip-tools
    python requirements/compile.py                 all pairs
    python requirements/compile.py 3.12 3.14-6.1   the pairs of Python 3.12, and Python 3.14 with Django 6.1
    pip-sync requirements/py312-django52.txt       give this environment exactly the packages of a file

pip-tools can only resolve for the Python that runs it, and only for a version that is installed here. So uv resolves;
this script installs uv next to pip-tools if it is missing.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from tools.matrix import AT_ONCE, Cell, environment, wanted_cells  # noqa: E402  found by the path above

SOURCES = ["pyproject.toml", "--extra=local", "requirements/test.txt"]
NAMED = "python requirements/compile.py"


def main(arguments: List[str]) -> int:
    cells = wanted_cells(arguments)
    if importlib.util.find_spec("uv") is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "-r", str(HERE / "matrix.txt")], check=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        passed = list(pool.map(write, cells))
    return 0 if all(passed) else 1


def path_of(cell: Cell) -> Path:
    return HERE / (f"py{cell.python}-django{cell.django}".replace(".", "") + ".txt")


def write(cell: Cell) -> bool:
    path = path_of(cell)
    # uv keeps versions that the file has already; a compiled file is to have the newest that fit.
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--upgrade", "--no-annotate"]
    command += [f"--python-version={cell.python}", "--constraint=-", f"--custom-compile-command={NAMED}"]
    done = subprocess.run(
        [*command, f"--output-file={path.relative_to(ROOT)}", *SOURCES],
        cwd=str(ROOT),
        env=environment(),
        input=f"Django=={cell.django}.*\n".encode(),
    )
    print(path.name if done.returncode == 0 else f"FAILED {path.name}", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
