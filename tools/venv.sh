#!/bin/sh
# tools/venv.sh NAME...: brings .venv up to date. A NAME is a file in requirements/ (test, lint, docs, ...) or an extra of
# pyproject.toml (local), which installs this package too, editable.
# The script stores a copy of each file that it installed, so a second run does nothing. It makes the environment again
# if it is incomplete, was moved, or belongs to another Python.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv} # name another one for packages that the tests must not share
another="To use another Python: make PYTHON=python3.12 ..."

stop() {
    echo >&2
    printf '%s\n' "$@" >&2
    exit 1
}

command -v "$PYTHON" >/dev/null 2>&1 ||
    stop "$PYTHON was not found. Debian and Ubuntu: apt-get install python3 python3-venv"
version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>&1) ||
    stop "$PYTHON does not start:" "$version" "$another"

check_python() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 8))' ||
        stop "$PYTHON is Python $version; 3.8 or newer is needed. $another"
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null ||
        stop "Python $version cannot make virtual environments. Debian and Ubuntu: apt-get install python3-venv" \
            "(python$version-venv where that Python is not the system's own)."
    "$PYTHON" -c 'import sqlite3' 2>/dev/null ||
        stop "Python $version has no sqlite3 module. Debian and Ubuntu: apt-get install libpython$version-stdlib" \
            "(a Python that is built from source needs libsqlite3-dev for it). $another"
}

made="$PWD python$version"
if [ "$(cat "$VENV/.made" 2>/dev/null)" != "$made" ] || ! $VENV/bin/python -c '' 2>/dev/null; then
    check_python
    echo "Making $VENV with Python $version"
    rm -rf $VENV
    "$PYTHON" -m venv $VENV || stop "$PYTHON -m venv failed; see above."
    # Editable installs from pyproject.toml need pip 21.3. A newer pip stays as it is.
    $VENV/bin/python -m pip install -qq 'pip>=21.3' || stop "pip could not install packages. Check that this machine reaches a package index."
    echo "$made" >$VENV/.made
fi

file_of() { # file_of NAME: the file that lists what NAME needs
    if [ -e "requirements/$1.txt" ]; then echo "requirements/$1.txt"; else echo pyproject.toml; fi
}

all="" missing=""
for name in "$@"; do
    file=$(file_of "$name")
    if [ "$file" = pyproject.toml ]; then all="$all -e .[$name]"; else all="$all -r $file"; fi
    cmp -s "$file" "$VENV/.have-$name" || missing="$missing $name"
done
if [ -n "$missing" ]; then
    echo "Installing into $VENV:$missing (this can take about a minute the first time)"
    # Install everything in one call, so that pip finds versions that fit all of them.
    # shellcheck disable=SC2086 - the words must split
    $VENV/bin/python -m pip install -qq --disable-pip-version-check $all ||
        stop "pip could not install; see above. Run the command again to continue."
    for name in $missing; do cp "$(file_of "$name")" "$VENV/.have-$name"; done
fi
