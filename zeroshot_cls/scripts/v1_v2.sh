#!/usr/bin/env bash
# Table: PointCLIP V1 against V2.
# Flags: --root, --checkpoint, --output …, then KEY VALUE; --help tells them. ROOT and CHECKPOINT do too.
set -euo pipefail
here=$(dirname "$0")
exec "$here/../../scripts/python.sh" "$here/../reproduce.py" v1_v2 "$@"
