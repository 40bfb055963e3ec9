#!/usr/bin/env bash
# The main results: the paper's data sets with ViT-B/16 (scripts/table.sh makes every other table).
# Flags: --root, --checkpoint, --output …, then KEY VALUE; --help tells them. ROOT and CHECKPOINT do too.
set -euo pipefail
exec "$(dirname "$0")/../scripts/table.sh" datasets "$@"
