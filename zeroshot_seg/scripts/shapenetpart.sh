#!/usr/bin/env bash
# Table: ShapeNetPart by category, with the published sentences and with ours, by both rules for absent parts.
# Flags: --root, --checkpoint, --output …, then KEY VALUE; --help tells them. ROOT and CHECKPOINT do too.
set -euo pipefail
here=$(dirname "$0")
exec "$here/../../scripts/python.sh" "$here/../reproduce.py" shapenetpart "$@"
