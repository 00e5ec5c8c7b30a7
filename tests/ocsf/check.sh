#!/usr/bin/env bash
# Validates alerts with the independent validator: those given (JSONL files), or else the golden ones.
# Makes its Python environment in target/ocsf-venv on first use.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv="${CARGO_TARGET_DIR:-$here/../../target}/ocsf-venv"
stamp="$venv/requirements.txt"
if ! cmp -s "$here/requirements.txt" "$stamp"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$stamp"
fi
if [ $# -gt 0 ]; then
    exec "$venv/bin/python" "$here/validate.py" "$@"
fi
"$venv/bin/python" "$here/validate.py" --self-test
exec "$venv/bin/python" "$here/validate.py" "$here"/alerts/*.json
