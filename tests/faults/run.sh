#!/usr/bin/env bash
# Runs the fault harness: `run.sh --binary FILE [FLAGS]`, or its own tests: `run.sh --self-test`.
# `run.sh --python` names a Python that has a Kafka client.
# Makes its Python environment in target/faults-venv on first use.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
venv=$target/faults-venv
stamp=$venv/requirements.txt
if ! cmp -s "$here/requirements.txt" "$stamp"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$stamp"
fi
if [ "${1:-}" = --python ]; then
    echo "$venv/bin/python"
    exit
fi
export PYTHONDONTWRITEBYTECODE=1
if [ "${1:-}" = --self-test ]; then
    exec "$venv/bin/python" -m unittest discover --start-directory "$here"
fi
# Kept where a comparison fails: logs and settings of every process.
folder=$(mktemp -d "${TMPDIR:-/tmp}/nhi-faults-XXXXXX")
exec "$venv/bin/python" "$here/main.py" --folder "$folder" "$@"
