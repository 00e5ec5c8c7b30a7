#!/usr/bin/env bash
# Runs the soak: run.sh --kafka-dir DIR --binary FILE [FLAGS]; see soak.py --help.
# Makes its Python environment in target/soak-venv on first use.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv="${CARGO_TARGET_DIR:-$here/../../target}/soak-venv"
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" "$here/soak.py" "$@"
