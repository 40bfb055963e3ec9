#!/usr/bin/env bash
# Runs Python for the other scripts: PYTHON if it names one, else an activated environment's, the checkout's .venv's,
# or the one on PATH.
set -euo pipefail
own=$(dirname "$0")/../.venv/bin/python
if [[ -n ${PYTHON:-} ]]; then exec "$PYTHON" "$@"; fi
if [[ -z ${VIRTUAL_ENV:-}${CONDA_PREFIX:-} && -x $own ]]; then exec "$own" "$@"; fi
exec python3 "$@"
