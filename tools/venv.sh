#!/bin/sh
# tools/venv.sh NAME...: an up-to-date .venv with what each NAME needs: a file in requirements/ (test, lint, docs, ...),
# or else an extra of pyproject.toml, together with this package, editable (local).
# What is installed is remembered by content, so that a second run costs nothing, and an environment that is
# half-made, moved or of another Python is noticed and made again.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv} # another one for what must not share packages with the tests
another="Another Python can be named: make PYTHON=python3.12 ..."

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
    # Editable installs of a pyproject.toml need pip 21.3; a pip that is new enough is left as it is.
    $VENV/bin/python -m pip install -qq 'pip>=21.3' || stop "pip could not install; is a package index within reach?"
    echo "$made" >$VENV/.made
fi

file_of() { # file_of NAME: where it stands what NAME needs
    if [ -e "requirements/$1.txt" ]; then echo "requirements/$1.txt"; else echo pyproject.toml; fi
}

all="" missing=""
for name in "$@"; do
    file=$(file_of "$name")
    if [ "$file" = pyproject.toml ]; then all="$all -e .[$name]"; else all="$all -r $file"; fi
    cmp -s "$file" "$VENV/.have-$name" || missing="$missing $name"
done
if [ -n "$missing" ]; then
    echo "Installing into $VENV:$missing"
    # All in one call, or pip would not see what one needs when it changes a version for the other.
    # shellcheck disable=SC2086 - words
    $VENV/bin/python -m pip install -qq --disable-pip-version-check $all ||
        stop "pip could not install; see above. The next run takes up where this one stopped."
    for name in $missing; do cp "$(file_of "$name")" "$VENV/.have-$name"; done
fi
