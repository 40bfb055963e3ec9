#!/usr/bin/env bash
# V1's and V2's depth maps of any shapes, and how similar their patches are to the shapes' sentences, as one picture:
#     bash zeroshot_cls/scripts/figure.sh [SHAPES…] [options]    (--help tells them)
# PYTHON names another interpreter than the checkout's .venv or the one on PATH.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
[[ -n ${PYTHON:-} || -x $python ]] || python=python3
exec "$python" "$root/zeroshot_cls/figure.py" "$@"
