#!/usr/bin/env bash
# Table: the projection's steps added one by one, on the bundled set or --config's.
# Flags: --root, --checkpoint, --config, --output …, then KEY VALUE; --help tells them. ROOT and CHECKPOINT do too.
set -euo pipefail
here=$(dirname "$0")
exec "$here/../../scripts/python.sh" "$here/../reproduce.py" ablation_projection "$@"
