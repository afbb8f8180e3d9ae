#!/bin/sh
# Makes .venv with Radgate in it, from nothing but a Python of version 3.12 or newer wherever that may be.
#   bootstrap.sh [EXTRAS]     EXTRAS of pyproject.toml to install, "demo" when not given; does nothing when up to date
set -eu
cd "$(dirname "$0")/.."

extras=${1:-demo}
venv=${VENV:-.venv}

say() { echo "$*" >&2; }
stop() { say "$*"; exit 1; }

# The oldest that is supported and what is newer, those first that most people have.
candidates() {
    for version in 3.13 3.12 3.14; do
        command -v "python$version" || true
        for folder in /usr/bin /usr/local/bin "$HOME/.pyenv/versions/$version".*/bin; do
            echo "$folder/python$version"
        done
    done
    command -v python3 || true
    echo /usr/bin/python3
}

# A program may be there and not run: pyenv's shims fail for versions that are not chosen.
is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; }
can_make_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
    bare=
    for python in $(candidates); do
        is_new_enough "$python" || continue
        if can_make_venv "$python"; then
            "$python" -c 'import sys; print(sys.executable)'
            return
        fi
        bare=${bare:-$python}
    done
    [ -n "$bare" ] || stop "Python 3.12 or newer is needed; none was found. Debian 13, Ubuntu 24.04: apt-get install python3 python3-venv. Elsewhere: https://www.python.org/downloads/ or pyenv install 3.13"
    add_venv_module "$bare"
    echo "$bare"
}

# Debian ships Python without the parts that make virtual environments.
add_venv_module() {
    package=$("$1" -c 'import sys; print("python{}.{}-venv".format(*sys.version_info))')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing $package ..."
        apt-get -qq update >&2
        DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$package" >&2
    fi
    can_make_venv "$1" || stop "$1 can't make virtual environments: install the package $package (sudo apt-get install $package) and start again"
}

fingerprint() {
    { pwd; cat pyproject.toml clients/python/pyproject.toml; [ ! -f constraints.txt ] || cat constraints.txt; } | cksum
}

stamp=$venv/.installed-$extras
if [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)" ] && is_new_enough "$venv/bin/python"; then
    exit 0
fi

if ! is_new_enough "$venv/bin/python"; then
    python=$(find_python)
    say "Making $venv with $python ..."
    "$python" -m venv --clear "$venv"
fi
say "Installing Radgate and what it needs into $venv (a minute or two, once) ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    $([ ! -f constraints.txt ] || echo "--constraint constraints.txt") \
    --editable clients/python --editable ".[$extras]"
fingerprint >"$stamp"
