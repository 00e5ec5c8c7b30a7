#!/usr/bin/env bash
# Runs the soak with its Python environment, made in target/tests-venv on first use. What it takes: soak.py --help.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
requirements=$here/../requirements.txt
venv="${CARGO_TARGET_DIR:-$here/../../target}/tests-venv"
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
fi
exec "$venv/bin/python" "$here/soak.py" "$@"
