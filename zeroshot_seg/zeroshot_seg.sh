#!/usr/bin/env bash
# The main results: ShapeNetPart by category with ViT-B/16 (scripts/table.sh makes every other table).
# Options: --root, --checkpoint, --output …, then KEY VALUE; see --help. ROOT and CHECKPOINT can be environment variables.
set -euo pipefail
exec "$(dirname "$0")/../scripts/table.sh" shapenetpart "$@"
