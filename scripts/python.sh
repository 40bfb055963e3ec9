#!/usr/bin/env bash
# Runs Python for the other scripts: $PYTHON if set, else that of an activated environment, of the checkout's .venv, or
# on PATH.
set -euo pipefail
venv_python=$(dirname "$0")/../.venv/bin/python
if [[ -n ${PYTHON:-} ]]; then exec "$PYTHON" "$@"; fi
if [[ -z ${VIRTUAL_ENV:-}${CONDA_PREFIX:-} && -x $venv_python ]]; then exec "$venv_python" "$@"; fi
exec python3 "$@"
