#!/bin/sh
# tools/get_python314.sh DEST: installs CPython 3.14 from a newer Debian into the folder DEST, with the C library that it
# was built for. It changes nothing else on this machine. Use it for the test matrix only, never for a server.
# Do not move DEST: the binary contains its path.
set -eu
stop() {
    echo "get_python314: $1" >&2
    exit 1
}
SUITE=${SUITE:-forky} # by its name: "testing" moves on to newer Pythons
mkdir -p "${1:?a folder for Python 3.14}"
dest=$(cd "$1" && pwd)
apt="$dest/.apt"

command -v apt-get >/dev/null || stop "this machine does not run Debian: install python3.14 on the PATH in another way"
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -n 's,^[^#]*\(https\{0\,1\}://[^ ]*/debian\)/\{0\,1\}\( .*\)\{0\,1\}$,\1,p' | head -n 1)
[ -n "$mirror" ] || stop "no Debian mirror is configured here (on Ubuntu, install python3.14 in another way)"
if ! command -v patchelf >/dev/null; then
    [ "$(id -u)" = 0 ] || stop "patchelf is missing: apt-get install patchelf"
    { apt-get -qq update && apt-get -qq -y install patchelf >/dev/null; } || stop "patchelf could not be installed"
fi

# Use separate apt folders without this machine's packages, so that apt fetches every library.
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $SUITE main" >"$apt/sources.list"
set -- -qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State="$apt" \
    -o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
    -o APT::Install-Recommends=false
[ "$(id -u)" != 0 ] || set -- "$@" -o APT::Sandbox::User=root
apt-get "$@" update || stop "the package lists of Debian $SUITE cannot be fetched"
apt-get "$@" -y --download-only install python3.14 libc6 >/dev/null || stop "Debian $SUITE does not have Python 3.14"
for deb in "$apt"/cache/archives/*.deb; do dpkg -x "$deb" "$dest"; done
rm -rf "$apt"

python="$dest/usr/bin/python3.14"
loader=$(patchelf --print-interpreter "$python")
libraries=$(dirname "$(find "$dest/usr/lib" -name libc.so.6 | head -n 1)")
patchelf --set-interpreter "$dest/usr$loader" --force-rpath --set-rpath "$libraries" "$python"
"$python" -c 'import bz2, ctypes, lzma, sqlite3, ssl, zlib' || stop "Python 3.14 was fetched but does not run here"
