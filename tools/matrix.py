"""Test every supported Python with every supported Django (`make matrix`).

    python tools/matrix.py                     every cell
    python tools/matrix.py 3.12 3.14-6.1       the cells of Python 3.12, and Python 3.14 with Django 6.1
    python tools/matrix.py 3.12 -- -k send     with arguments for pytest

Each test runs on every Python and on every Django, but not in every cell: see `share`.

Each cell has its own environment in .matrix/, next to its log. The wheel is installed there, and the tests do not see
the source of the package. If an interpreter is missing, its cells fail: a version
is supported only if the tests ran on it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".matrix"
WHEEL = HOME / "wheel"
UV = str(Path(sys.executable).parent / "uv")
AT_ONCE = int(os.environ.get("MATRIX_AT_ONCE", "2"))
CELL_SECONDS = 30 * 60

DJANGOS = {
    "3.8": ["4.2"],
    "3.9": ["4.2"],
    "3.10": ["4.2", "5.0", "5.1", "5.2"],
    "3.11": ["4.2", "5.0", "5.1", "5.2"],
    "3.12": ["4.2", "5.0", "5.1", "5.2", "6.0", "6.1"],
    "3.13": ["4.2", "5.0", "5.1", "5.2", "6.0", "6.1"],
    "3.14": ["5.1", "5.2", "6.0", "6.1"],
}


class Cell(NamedTuple):
    python: str
    django: str

    @property
    def name(self) -> str:
        return f"{self.python}-{self.django}"


class Result(NamedTuple):
    cell: Cell
    passed: bool
    text: str
    seconds: float = 0.0


CELLS = [Cell(python, django) for python, djangos in DJANGOS.items() for django in djangos]
#: These two cells also start real servers. In the others, the tests in process are enough to compare versions.
EVERYTHING = (CELLS[0], CELLS[-1])
#: Only these two cells run these tests. The local gateway does not use Django, and the adoption is tested on each
#: database too.
FOLDERS_OF_EVERYTHING = ("tests/local", "tests/adoption")
TEST_FOLDERS = ("tests", "docs/examples")


def main(arguments: List[str]) -> int:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    wanted, pytest_arguments = arguments[:split], arguments[split + 1 :]
    cells = wanted_cells(wanted)
    HOME.mkdir(exist_ok=True)

    build_wheel()
    interpreters = {python: find_interpreter(python) for python in dict.fromkeys(cell.python for cell in cells)}
    # Start with the longest cells, so that none of them runs alone at the end.
    order = sorted(cells, key=lambda cell: cell not in EVERYTHING)
    results = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for result in pool.map(lambda cell: run(cell, interpreters[cell.python], pytest_arguments), order):
            results[result.cell] = result
    report([results[cell] for cell in cells])
    return 0 if all(result.passed for result in results.values()) else 1


def share(cell: Cell) -> List[str]:
    """Return the folders or files whose tests `cell` runs.

    A Python's cell with its newest Django runs every test. The other cells differ little from these, so those with the
    same Django divide the files among themselves.
    """
    sharing = [other for other in CELLS if other.django == cell.django and not has_newest_django(other)]
    if cell not in sharing:
        return list(TEST_FOLDERS)
    paths = (path for folder in TEST_FOLDERS for path in (ROOT / folder).rglob("test*.py"))
    files = sorted(path.relative_to(ROOT).as_posix() for path in paths)
    files = [file for file in files if not file.startswith(FOLDERS_OF_EVERYTHING)]
    return files[sharing.index(cell) :: len(sharing)]


def has_newest_django(cell: Cell) -> bool:
    return cell.django == DJANGOS[cell.python][-1]


def build_wheel() -> None:
    shutil.rmtree(str(WHEEL), ignore_errors=True)
    command = [UV, "build", "--quiet", "--wheel", "--no-create-gitignore", "--out-dir", str(WHEEL), str(ROOT)]
    subprocess.run(command, env=environment(), check=True)


def wanted_cells(names: List[str]) -> List[Cell]:
    """Return the cells with these names, or of these Python versions. Without names, return all cells."""
    unknown = set(names) - {cell.name for cell in CELLS} - set(DJANGOS)
    if unknown:
        sys.exit(f"Unknown: {', '.join(sorted(unknown))}. Choose from: {' '.join(cell.name for cell in CELLS)}")
    return [cell for cell in CELLS if not names or cell.name in names or cell.python in names]


def find_interpreter(python: str) -> Optional[str]:
    """The path of CPython `python`, from pyenv, this machine or uv. If there is none, try to download it."""
    for candidate in (*of_pyenv(python), of_this_folder(python), of_uv(python)):
        if is_usable(candidate, python):
            return candidate
    print(f"Python {python} is not installed; trying to download it", flush=True)
    if python == "3.14" and shutil.which("apt-get"):
        subprocess.run(["sh", str(ROOT / "tools/get_python314.sh"), str(ROOT / ".py314")])
        if is_usable(of_this_folder(python), python):
            return of_this_folder(python)
    subprocess.run([UV, "python", "install", "--quiet", python])
    candidate = of_uv(python)
    return candidate if is_usable(candidate, python) else None


def of_pyenv(python: str) -> List[str]:
    # pyenv's shims only run the versions that are selected at the moment, so look into its folders.
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [path for path in versions.glob(f"{python}.*/bin/python") if path.exists()]
    return [str(path) for path in sorted(found, key=lambda path: numbers(str(path)), reverse=True)]


def of_this_folder(python: str) -> str:
    return str(ROOT / f".py{python.replace('.', '')}" / "usr" / "bin" / f"python{python}")


def of_uv(python: str) -> str:
    command = [UV, "python", "find", "--system", "--no-python-downloads", python]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode().strip()


def is_usable(path: str, python: str) -> bool:
    code = "import sqlite3, ssl, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return done.returncode == 0 and done.stdout.decode().strip() == python


def run(cell: Cell, interpreter: Optional[str], pytest_arguments: List[str]) -> Result:
    began = time.monotonic()
    if interpreter is None:
        passed, text = False, f"Python {cell.python} is not installed and could not be downloaded"
    else:
        log = HOME / f"{cell.name}.log"
        with log.open("wb") as out:
            try:
                done = all(
                    subprocess.run(
                        command, cwd=str(ROOT), env=environment(), stdout=out, stderr=out, timeout=CELL_SECONDS
                    ).returncode
                    == 0
                    for command in commands(cell, interpreter, pytest_arguments)
                )
                passed, text = done, last_line(log)
            except subprocess.TimeoutExpired:
                passed, text = False, f"not finished within {CELL_SECONDS} s"
    result = Result(cell, passed, text, time.monotonic() - began)
    print(line(result), flush=True)
    return result


def commands(cell: Cell, interpreter: str, pytest_arguments: List[str]) -> List[List[str]]:
    env = HOME / cell.name
    python = str(env / "bin" / "python")
    marks = "not browser and not slow and not once" + ("" if cell in EVERYTHING else " and not end_to_end")
    strict = ["-W", "error::DeprecationWarning", "-W", "error::PendingDeprecationWarning"]
    (wheel,) = WHEEL.glob("*.whl")
    install = [UV, "pip", "install", "--quiet", "--python", python, f"{wheel}[local]", "-r", "requirements/test.txt"]
    return [
        # Create the environment each time. uv's cache makes this fast, and it gets the newest versions that fit.
        [UV, "venv", "--quiet", "--clear", "--no-project", "--python", interpreter, str(env)],
        [*install, f"Django=={cell.django}.*"],
        [UV, "pip", "list", "--python", python],
        [
            python,
            *strict,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            "pythonpath=.",
            "-m",
            marks,
            *([] if cell in EVERYTHING else [f"--ignore={folder}" for folder in FOLDERS_OF_EVERYTHING]),
            *(pytest_arguments or share(cell)),
        ],
    ]


def environment() -> Dict[str, str]:
    env = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    # uv does not read pip's environment variables and configuration files.
    index = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    url = env.get("PIP_INDEX_URL") or index.stdout.decode().strip()
    if url:
        env.setdefault("UV_DEFAULT_INDEX", url)
    # In the matrix, generated tests only look for differences between versions. Another step runs them in full.
    env.setdefault("STATE_MACHINE_RUNS", "5")
    env.setdefault("GENERATED_REQUESTS", "100")
    return env


def last_line(log: Path) -> str:
    """Return pytest's summary, or the last line of the log. Threads may print something after the summary."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    summaries = [line for line in lines if re.search(r"\b(passed|failed|error)\b.* in [0-9.]+s", line)]
    return (summaries or lines or ["no output"])[-1].strip("= ")


def numbers(text: str) -> List[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def line(result: Result) -> str:
    mark = "ok    " if result.passed else "FAILED"
    cell = f"Python {result.cell.python:<5} Django {result.cell.django:<4}"
    return f"{mark} {cell} {result.text} ({result.seconds:.0f} s)"


def report(results: List[Result]) -> None:
    djangos = sorted({cell.django for cell in CELLS}, key=numbers)
    outcome = {result.cell: "ok" if result.passed else "FAILED" for result in results}
    print(f"\n{'Python':<8}" + "".join(f"{django:>8}" for django in djangos))
    for python in dict.fromkeys(result.cell.python for result in results):
        print(f"{python:<8}" + "".join(f"{outcome.get(Cell(python, django), '-'):>8}" for django in djangos))
    failed = [result for result in results if not result.passed]
    print()
    for result in failed:
        print(f"FAILED {result.cell.name}: {result.text}; log: .matrix/{result.cell.name}.log")
    print(f"matrix: {len(results) - len(failed)} passed, {len(failed)} failed", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
